// The present address, as the pages follow it.
import { parse } from "./route";

class Where {
  hash = $state(location.hash);
  readonly route = $derived(parse(this.hash));

  start(): () => void {
    const changed = () => (this.hash = location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }
}

export const where = new Where();
