//! The User Storage Service, start to finish: read the configuration, open the store, bind, serve.
use stayput_server::{
    App, Listener,
    cli::{Arguments, Command, Ended, Failed, Result},
    config::{self, Config, LogFormat, Settings},
    descriptors, late,
    logs::{self, LevelFilter, Logs},
    signals::{Asked, Signals, State, notify},
};
use std::{ffi::OsString, fs, process::ExitCode};
use tokio::{runtime::Builder, sync::oneshot};

fn main() -> ExitCode {
    let read = match read() {
        Ok(read) => read,
        Err(code) => return code,
    };
    let logs = match &read.0.command {
        Command::Serve(config) => logs::start(config.log, config.log_format),
        _ => logs::start(LevelFilter::WARN, LogFormat::Text),
    };
    let ended = match runtime(&read.0.command).enable_all().build() {
        Ok(runtime) => runtime.block_on(run(read, logs)),
        Err(error) => Err(Failed::new(format!("no threads could be started: {error}"))),
    };
    ended.map_or_else(Failed::report, ExitCode::from)
}

/// As many threads as were asked for. One alone needs no handing over between threads, and is the main one.
fn runtime(command: &Command) -> Builder {
    let threads = if let Command::Serve(config) = command { config.threads } else { None };
    if threads == Some(1) {
        return Builder::new_current_thread();
    }
    let mut runtime = Builder::new_multi_thread();
    threads.map(|threads| runtime.worker_threads(threads));
    runtime
}

fn read() -> Result<(Arguments, Settings), ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    config::read(&arguments, |path| fs::read_to_string(path))
}

async fn run((arguments, settings): (Arguments, Settings), logs: Logs) -> Result {
    match arguments.command {
        Command::Serve(config) => serve(*config, settings, logs).await,
        other => other.run().await,
    }
}

async fn serve(mut config: Config, mut settings: Settings, logs: Logs) -> Result {
    config.check()?;
    let mut signals = Signals::new()?;
    config.limits.connections = descriptors::connections(config.limits.connections);
    let opened = late::open(&config).await?;
    let (store, shadow) = config.moving.over(opened.store).await?;
    let mut app = App::configured(store, opened.changes, &config)?;
    if opened.is_late {
        app = app.announcing(); // it may turn out to push nothing; what is told twice is forgotten twice
    }
    if let Some(losses) = opened.losses {
        app.watch_losses(losses);
    }
    if let Some(shadow) = shadow {
        app.watch_shadow(shadow);
    }
    match app.probe().await {
        Err(error) if error.is_transient() && app.is_spooling() => {}
        probed => probed?,
    }
    let listener = Listener::bind_all(&config, app).await?;
    eprintln!("listening on {}, store {}", listener.shown(), config.place.store);
    notify(State::Ready);
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    let served = listener.serve(async { drop(stopped.await) });
    tokio::pin!(served);
    loop {
        tokio::select! {
            ended = &mut served => return Ok(ended.map(|()| Ended::Done)?),
            asked = signals.next() => match (asked, stop.take()) {
                (Asked::Stop, Some(stop)) => {
                    notify(State::Stopping);
                    tracing::info!("stopping: requests in flight are finished first");
                    drop(stop);
                }
                (Asked::Stop, None) => return Err(Failed::new("stopped at once by a second signal")),
                (Asked::Reload, kept) => {
                    stop = kept;
                    reload(&mut settings, &logs);
                }
            }
        }
    }
}

/// Reads the configuration again. What cannot change while it runs is named, and stays.
fn reload(settings: &mut Settings, logs: &Logs) {
    notify(State::Reloading);
    match read() {
        Ok((Arguments { command: Command::Serve(config) }, new)) => {
            for option in settings.changed(&new) {
                match option.as_str() {
                    "log" => {
                        logs.set(config.log);
                        tracing::warn!("reloaded: log is {}", config.log);
                    }
                    other => tracing::warn!("{other} has changed; it needs a restart and stays as it was"),
                }
            }
            settings.keep("log", &new);
        }
        _ => tracing::error!("the configuration cannot be read and stays as it was"),
    }
    notify(State::Ready);
}
