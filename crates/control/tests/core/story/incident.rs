//! The incident that acefleet was built for: two VPNs, ten engines, and one VPN is stopped by hand.

use crate::desk::{Desk, check, millis, secs, two_vpns};
use control::docker::{Happened, Health};

#[test]
fn one_of_two_vpns_is_stopped_by_hand_and_started_again() {
    let mut desk = Desk::at_rest_with_ports(two_vpns());
    check(desk.fleet(), "gluetun: 1* 2 3 4 5 | gluetun2: 6* 7 8 9 10");

    // Docker takes its time to stop the container: until it says so, the tunnel is lost and the engines tell.
    desk.on("gluetun").tunnel_up = false;
    desk.on("gluetun").health = Health::Unhealthy;
    desk.wait(secs(5));
    check(
        desk.transcript(),
        "
        1005s     VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy
                  VPN double-check: None of 5 engine(s) have internet connectivity
                  VPN 'gluetun' failed: Docker says unhealthy, 0 of 5 engine(s) are connected; its
                      engines are hidden
                  entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  engine acestream-2 is hidden: its VPN's tunnel is lost
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  engine acestream-4 is hidden: its VPN's tunnel is lost
                  engine acestream-5 is hidden: its VPN's tunnel is lost
        ",
    );

    // Then it is gone, and what lived in its network goes with it. The other VPN is not touched, and does not take
    // over what will be needed on this one again: one engine more would be one too many when it is back.
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(50));
    check(
        desk.transcript(),
        "
        1010s     removing engine acestream-1: its VPN's network is gone (for 5.0 s)
                  removing engine acestream-2: its VPN's network is gone (for 5.0 s)
                  removing engine acestream-3: its VPN's network is gone (for 5.0 s)
                  removing engine acestream-4: its VPN's network is gone (for 5.0 s)
                  removing engine acestream-5: its VPN's network is gone (for 5.0 s)
                  > remove acestream-1 (its VPN's network is gone)
                  > remove acestream-2 (its VPN's network is gone)
                  > remove acestream-3 (its VPN's network is gone)
                  > remove acestream-4 (its VPN's network is gone)
                  > remove acestream-5 (its VPN's network is gone)
                  engine acestream-1 is gone
                  engine acestream-2 is gone
                  engine acestream-3 is gone
                  engine acestream-4 is gone
                  engine acestream-5 is gone
        ",
    );
    check(desk.fleet(), "gluetun:  | gluetun2: 6* 7 8 9 10");

    // It is started, with another port, and is not healthy at once.
    desk.host.start("gluetun");
    desk.on("gluetun").tunnel_up = true;
    desk.on("gluetun").health = Health::Starting;
    desk.on("gluetun").ports = None;
    desk.hear("gluetun", Happened::Started);
    desk.wait(secs(12));
    check(
        desk.transcript(),
        "
        1055s     VPN 'gluetun' has a new network; its engines are repaired once it is healthy
        ",
    );

    // Ten again, five and five, under the same names; nothing is created twice, and nothing that was just created
    // is removed, although the port becomes known only afterwards and is another one.
    desk.on("gluetun").health = Health::Healthy;
    desk.on("gluetun").ports = Some(vec![53_344]);
    desk.wait(millis(3_000));
    check(
        desk.transcript(),
        "
        1070s     VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  leaving emergency mode (it lasted 65.0 s); what is missing is created
                  VPN 'gluetun' forwarded port is 53344
                  creating engine acestream-1 on VPN 'gluetun' as forwarded engine with port 53344:
                      too few engines serve (5 of 10 wanted, 0 coming); its first good answer is due
                      within 120.0 s
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-3 on VPN 'gluetun': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-4 on VPN 'gluetun': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-5 on VPN 'gluetun': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 p2p 53344 (too few engines
                      serve)
                  > create acestream-2 on gluetun http 19001 https 45001 (too few engines serve)
                  > create acestream-3 on gluetun http 19002 https 45002 (too few engines serve)
                  > create acestream-4 on gluetun http 19003 https 45003 (too few engines serve)
                  > create acestream-5 on gluetun http 19004 https 45004 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-2 (it was created and not yet started)
                  starting engine acestream-3: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-3 (it was created and not yet started)
                  starting engine acestream-4: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-4 (it was created and not yet started)
                  starting engine acestream-5: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-5 (it was created and not yet started)
                  engine acestream-1 is offered
                  engine acestream-2 is offered
                  engine acestream-3 is offered
                  engine acestream-4 is offered
                  engine acestream-5 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1* 2 3 4 5 | gluetun2: 6* 7 8 9 10");
    desk.wait(secs(600));
    check(desk.did(), "");
}
