//! A viewer's socket, to which two write in turn: the HTTP server, and the channel that he watches.
//!
//! To be asked for each piece would cost a turn of the viewer's task for every piece. So whenever the server has
//! written all that it had, and waits for more, the channel writes what it publishes itself, to one viewer after the
//! other, framed as the server frames it. What a socket does not take at once is left to the server, which waits for
//! it; until then the channel passes this viewer by. Nothing is copied, and nothing here decides what is sent.

use bytes::Bytes;
use hyper::Version;
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A chunk's size in hexadecimal digits, and the end of that line.
const CHUNK_HEAD_MAX: usize = 2 * size_of::<usize>() + CHUNK_END.len();
const CHUNK_END: &[u8] = b"\r\n";

/// A viewer's socket.
#[derive(Debug)]
pub struct Outlet {
    stream: TcpStream,
    turn: Mutex<Turn>,
}

/// The server's end of it.
#[derive(Debug)]
pub struct ServerEnd(Arc<Outlet>);

/// How a body of unknown length is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// In chunks with their length before them.
    Chunks,
    /// Not at all: it lasts as long as the connection.
    None,
}

impl Framing {
    /// As it is done in answers to this version.
    pub fn of(version: Version) -> Self {
        if version >= Version::HTTP_11 { Self::Chunks } else { Self::None }
    }
}

/// Whose turn it is to write.
#[derive(Default, Debug)]
pub(super) struct Turn {
    /// How the body is framed that is being sent; without one the channel has no business here.
    framing: Option<Framing>,
    /// The server has asked for more, and there was nothing.
    asked: bool,
    /// The server has nothing left to write.
    flushed: bool,
    /// What the channel wrote and the socket has not taken.
    rest: VecDeque<Bytes>,
}

impl Turn {
    /// The server asks for the body for the first time: what comes before it is not written yet.
    pub(super) fn begin(&mut self, framing: Framing) {
        *self = Self { framing: Some(framing), rest: std::mem::take(&mut self.rest), ..Self::default() };
    }

    /// There is no body any more.
    fn end(&mut self) {
        self.framing = None;
    }

    /// The server is given something to write.
    pub(super) fn give(&mut self) {
        (self.asked, self.flushed) = (false, false);
    }

    /// The server is told to wait, and will be woken.
    pub(super) fn wait(&mut self) {
        self.asked = true;
    }

    /// The server waits to be woken, and for nothing else.
    pub(super) fn is_asked(&self) -> bool {
        self.framing.is_none() || self.asked
    }

    /// It is the channel's turn, and this is how.
    pub(super) fn framing(&self) -> Option<Framing> {
        self.framing.filter(|_| self.asked && self.flushed && self.rest.is_empty())
    }
}

impl Outlet {
    /// The socket of a connection, and the server's end of it.
    pub fn new(stream: TcpStream) -> (Arc<Self>, ServerEnd) {
        let outlet = Arc::new(Self { stream, turn: Mutex::default() });
        (outlet.clone(), ServerEnd(outlet))
    }

    /// Whose turn it is, for as long as this is held.
    pub(super) fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is no body any more.
    pub(super) fn end(&self) {
        self.turn().end();
    }

    /// Writes a piece for the channel, whose turn it is.
    pub(super) fn write(&self, turn: &mut Turn, framing: Framing, piece: Bytes) {
        if piece.is_empty() {
            // As a chunk it would be the end of the body.
            return;
        }
        let mut head = [0; CHUNK_HEAD_MAX];
        let (head, tail) = match framing {
            Framing::Chunks => (chunk_head(&mut head, piece.len()), CHUNK_END),
            Framing::None => (&head[..0], &[][..]),
        };
        let written = self.stream.try_write_vectored(&[head, &piece, tail].map(IoSlice::new));
        // What cannot be written at all the server will find out, too.
        let mut written = written.unwrap_or_default();
        if written == head.len() + piece.len() + tail.len() {
            return;
        }
        for mut part in [Bytes::copy_from_slice(head), piece, Bytes::from_static(tail)] {
            let gone = written.min(part.len());
            written -= gone;
            turn.rest.extend(Some(part.split_off(gone)).filter(|rest| !rest.is_empty()));
        }
    }

    /// Writes what the channel has left over.
    fn poll_rest(&self, context: &mut Context<'_>) -> Poll<io::Result<MutexGuard<'_, Turn>>> {
        let mut turn = self.turn();
        while let Some(first) = turn.rest.front_mut() {
            let written = ready!(self.poll_write(context, |stream| stream.try_write(first)))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            drop(first.split_to(written));
            if first.is_empty() {
                turn.rest.pop_front();
            }
        }
        Poll::Ready(Ok(turn))
    }

    fn poll_write(
        &self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match write(&self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

/// What stands before a chunk.
fn chunk_head(buffer: &mut [u8; CHUNK_HEAD_MAX], length: usize) -> &[u8] {
    let mut free = &mut buffer[..];
    // It has room for the greatest number there is.
    let _written = write!(free, "{length:X}\r\n");
    let used = CHUNK_HEAD_MAX - free.len();
    &buffer[..used]
}

impl AsyncRead for ServerEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &self.0.stream;
        loop {
            ready!(stream.poll_read_ready(context))?;
            match stream.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        drop(ready!(self.0.poll_rest(context))?);
        self.0.poll_write(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        drop(ready!(self.0.poll_rest(context))?);
        self.0.poll_write(context, |stream| stream.try_write_vectored(pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The server asks for this when it has written all that it had.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_rest(context))?.flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        drop(ready!(self.0.poll_rest(context))?);
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::poll_fn;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// More than any socket takes at once.
    const MUCH: usize = 32 << 20;

    /// An outlet, and who reads at its other end.
    async fn outlet() -> (Arc<Outlet>, ServerEnd, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a port");
        let reader =
            TcpStream::connect(listener.local_addr().expect("it has one")).await.expect("it listens");
        let (stream, _) = listener.accept().await.expect("somebody comes");
        let (outlet, server) = Outlet::new(stream);
        (outlet, server, reader)
    }

    /// The server has been told to wait, and has written all that it had.
    async fn waits(outlet: &Outlet, server: &mut ServerEnd) {
        outlet.turn().wait();
        server.flush().await.expect("it is connected");
    }

    async fn read(reader: &mut TcpStream, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        reader.read_exact(&mut bytes).await.expect("so much comes");
        bytes
    }

    #[tokio::test]
    async fn it_is_the_channels_turn_only_while_the_server_waits_and_has_written_everything() {
        let (outlet, mut server, _reader) = outlet().await;
        waits(&outlet, &mut server).await;
        assert_eq!(outlet.turn().framing(), None, "no body is being sent");
        outlet.turn().begin(Framing::None);
        assert!(!outlet.turn().is_asked());
        outlet.turn().wait();
        assert_eq!(outlet.turn().framing(), None, "what comes before the body may not be written yet");
        waits(&outlet, &mut server).await;
        assert_eq!(outlet.turn().framing(), Some(Framing::None));
        outlet.turn().give();
        assert!(!outlet.turn().is_asked());
        assert_eq!(outlet.turn().framing(), None);
        waits(&outlet, &mut server).await;
        assert_eq!(outlet.turn().framing(), Some(Framing::None));
        outlet.end();
        assert_eq!(outlet.turn().framing(), None);
    }

    #[tokio::test]
    async fn what_the_channel_writes_is_framed_as_the_server_frames_it() {
        let (outlet, mut server, mut reader) = outlet().await;
        for (framing, sent) in [(Framing::Chunks, "A\r\n0123456789\r\n"), (Framing::None, "0123456789")] {
            outlet.turn().begin(framing);
            waits(&outlet, &mut server).await;
            outlet.write(&mut outlet.turn(), framing, Bytes::from_static(b"0123456789"));
            assert_eq!(read(&mut reader, sent.len()).await, sent.as_bytes());
            assert_eq!(outlet.turn().framing(), Some(framing), "it is still its turn");
        }
    }

    #[tokio::test]
    async fn what_a_socket_does_not_take_goes_out_before_anything_else_and_nothing_of_it_is_lost() {
        let (outlet, mut server, mut reader) = outlet().await;
        outlet.turn().begin(Framing::Chunks);
        waits(&outlet, &mut server).await;
        let much: Bytes = (0..MUCH).map(|at| (at % 251) as u8).collect();
        outlet.write(&mut outlet.turn(), Framing::Chunks, much.clone());
        assert_eq!(outlet.turn().framing(), None, "the server has to see to the rest");
        let pending = poll_fn(|context| Poll::Ready(Pin::new(&mut server).poll_flush(context).is_pending()));
        assert!(pending.await);
        let writing = tokio::spawn(async move {
            server.write_all(b"after").await.expect("it is connected");
            server.flush().await.expect("it is connected");
            server
        });
        let head = format!("{MUCH:X}\r\n");
        assert_eq!(read(&mut reader, head.len()).await, head.as_bytes());
        assert!(read(&mut reader, MUCH).await == much, "the same bytes in the same order");
        assert_eq!(read(&mut reader, 7).await, b"\r\nafter");
        drop(writing.await.expect("it does not panic"));
        assert_eq!(outlet.turn().framing(), Some(Framing::Chunks));
    }

    #[test]
    fn the_longest_chunk_has_room_for_its_head() {
        let expected = format!("{:X}\r\n", usize::MAX);
        assert_eq!(chunk_head(&mut [0; CHUNK_HEAD_MAX], usize::MAX), expected.as_bytes());
    }
}
