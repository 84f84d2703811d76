//! A TCP proxy between a client and a real server that fails on demand.
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time,
};

/// What happens to what passes through; open connections obey a change at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass.
    Pass,
    /// Each piece of an answer arrives this much later.
    Delay(Duration),
    /// A request never reaches the server: the connection ends when one arrives.
    CutBefore,
    /// A request reaches the server, and the connection ends instead of its answer: what it wrote stays written.
    CutAfter,
    /// Every connection is reset (RST), new ones as soon as they are made.
    Reset,
    /// Connections can be made, but nothing reaches the server and nothing comes back. Those that lost something
    /// end once this is over.
    HalfOpen,
    /// Bytes wait, in both directions, until the next change.
    Pause,
}

/// A proxy in front of one server; it and its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    accepts: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    server: SocketAddr,
    /// What happens, and whether only once.
    fault: watch::Sender<(Fault, bool)>,
    open: AtomicUsize,
    cuts: AtomicUsize,
    made: AtomicUsize,
    /// Connections up to this one carry nothing any more.
    silent: AtomicUsize,
}

impl Proxy {
    /// A proxy on a free loopback port in front of `server`, which passes everything.
    pub async fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let fault = watch::Sender::new((Fault::Pass, false));
        let [open, cuts, made, silent] = [const { AtomicUsize::new(0) }; 4];
        let state = Arc::new(State { server, fault, open, cuts, made, silent });
        let accepts = tokio::spawn(accept(listener, state.clone()));
        Ok(Self { address, state, accepts })
    }
    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
    /// From now on, `fault` happens.
    pub fn set(&self, fault: Fault) {
        self.state.fault.send_replace((fault, false));
    }
    /// `fault` happens to the next request that it cuts off, and then everything passes again.
    pub fn once(&self, fault: Fault) {
        self.state.fault.send_replace((fault, true));
    }
    /// The connections that there are carry nothing any more, for ever, as behind a router that forgot them; new ones
    /// are well.
    pub fn silence(&self) {
        self.state.silent.store(self.state.made.load(Ordering::Acquire), Ordering::Release);
    }
    /// How many connections of clients are open: more and more of them are a leak.
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::Acquire)
    }
    /// How many connections [`Fault::CutBefore`] and [`Fault::CutAfter`] have ended.
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                let state = state.clone();
                let number = state.made.fetch_add(1, Ordering::AcqRel) + 1;
                state.open.fetch_add(1, Ordering::AcqRel);
                connections.spawn(async move {
                    serve(client, number, &state).await;
                    state.open.fetch_sub(1, Ordering::AcqRel);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(client: TcpStream, number: usize, state: &State) {
    let resets = |(fault, _): &(Fault, bool)| *fault == Fault::Reset;
    let mut faults = state.fault.subscribe();
    if resets(&faults.borrow()) {
        return reset(client);
    }
    let Ok(server) = TcpStream::connect(state.server).await else { return reset(client) };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let is_reset = tokio::select! {
        _ = pipe(&mut from_client, &mut to_server, number, state, Fault::CutBefore) => false,
        _ = pipe(&mut from_server, &mut to_client, number, state, Fault::CutAfter) => false,
        _ = faults.wait_for(resets) => true,
    };
    if let Ok(client) = from_client.reunite(to_client)
        && is_reset
    {
        reset(client);
    }
}

/// Carries bytes until either side ends, or something arrives that is to be `cut`.
async fn pipe(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    number: usize,
    state: &State,
    cut: Fault,
) -> io::Result<()> {
    let mut faults = state.fault.subscribe();
    let mut piece = vec![0; 64 * 1024];
    let mut lost = false;
    loop {
        let length = from.read(&mut piece).await?;
        let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        if number <= state.silent.load(Ordering::Acquire) {
            continue;
        }
        let fault = faults.wait_for(|(fault, _)| *fault != Fault::Pause).await.map_or(cut, |fault| fault.0);
        if fault == cut {
            state.cuts.fetch_add(1, Ordering::AcqRel);
            state.fault.send_if_modified(|(fault, once)| {
                let over = *once;
                if over {
                    (*fault, *once) = (Fault::Pass, false);
                }
                over
            });
            return Ok(());
        }
        match fault {
            Fault::HalfOpen => lost = true,
            _ if lost => return Ok(()),
            Fault::Delay(late) if cut == Fault::CutAfter => time::sleep(late).await,
            _ => {}
        }
        if !lost {
            to.write_all(bytes).await?;
        }
    }
}

/// Closes with RST instead of FIN.
fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger();
}
