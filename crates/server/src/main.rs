//! The User Storage Service, start to finish: read arguments, open the store, bind, serve.
use clap::Parser;
use stayput_server::{
    App, Listener,
    cli::{Arguments, Command, Ended, Failed, Result, Serve},
    logs::{self, LevelFilter},
};
use std::process::ExitCode;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    logs::start(if let Command::Serve(serve) = &command { serve.log } else { LevelFilter::WARN });
    let runtime = Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(command)),
        Err(error) => Err(Failed::new(format!("no threads could be started: {error}"))),
    };
    ended.map_or_else(Failed::report, ExitCode::from)
}

async fn run(command: Command) -> Result {
    match command {
        Command::Serve(serve) => self::serve(serve).await,
        other => other.run().await,
    }
}

async fn serve(Serve { place, listen, .. }: Serve) -> Result {
    let stop = stop()?;
    let app = App::new(place.open().await?, place.scope.clone());
    app.probe().await?;
    let bound = Listener::bind(&listen, app).await;
    let listener = bound.map_err(|error| Failed::new(format!("cannot listen on {listen}: {error}")))?;
    eprintln!("listening on http://{}, store {}", listener.address(), place.shown());
    listener.serve(stop).await?;
    Ok(Ended::Done)
}

/// Resolves at SIGTERM and SIGINT, from now on.
fn stop() -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).map_err(|error| Failed::new(format!("signals cannot be received: {error}")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests in flight are finished first");
    })
}
