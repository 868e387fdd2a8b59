//! `huecry serve`: a node until a signal ends it.

use crate::cli::Serve;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::node::Node;
use crate::storage::FIRST_TOKEN_FILE;
use crate::terminal;
use std::io::IsTerminal;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Starts the asynchronous runtime and the node.
pub(super) fn run(args: &Serve, config: &Config, json: bool) -> Result<Exit, Failure> {
    start_logging(json, "info");
    let mut config = config.clone();
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    runtime()?.block_on(async {
        let node = Node::start(&config).await?;
        let token = config.storage.data_dir.join(FIRST_TOKEN_FILE);
        let refused = node.rules.refused.len();
        terminal::note(format_args!(
            "huecry listens on {} with {} rules ({refused} refused)\nreference  {}/reference\nAPI token  in {}",
            node.url(),
            node.rules.loaded,
            node.url(),
            token.display()
        ));
        if let Some(link) = &node.first_link {
            terminal::note(format_args!("first admin  {link}\nit opens once, within a day; each start makes a new one while there is no admin"));
        }
        node.finish(signalled()).await
    })?;
    Ok(Exit::Done)
}

/// A runtime for doors and tasks; the pipeline has threads of its own.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| Failure::new(Exit::Server, format!("cannot start: {e}")))
}

/// Resolves at SIGTERM or SIGINT; at once if signals cannot be caught.
pub(super) async fn signalled() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = term.recv() => tracing::info!("SIGTERM: stopping"),
        _ = int.recv() => tracing::info!("SIGINT: stopping"),
    }
}

/// Logs to stderr: text on a terminal, JSON lines where asked for. RUST_LOG overrides the level.
pub(super) fn start_logging(json: bool, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let unlogged = server::UNLOGGED.iter().filter_map(|directive| directive.parse().ok());
    let filter = unlogged.fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let ansi = std::io::stderr().is_terminal();
    let started = if json { builder.json().try_init() } else { builder.with_ansi(ansi).try_init() };
    if let Err(error) = started {
        terminal::note(format_args!("no log: {error}"));
    }
}
