//! Puts together who may enter: policies, sessions, people, identity providers.

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::storage::{Storage, local_caller};
use access::{Denials, Gate, Oidc, People, Sessions};
use std::net::SocketAddr;
use std::sync::Arc;

/// Who may enter.
pub(crate) struct Entrance {
    pub(crate) gate: Arc<Gate>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) people: Arc<People>,
    pub(crate) denials: Arc<Denials>,
    pub(crate) oidc: Vec<Arc<Oidc>>,
    /// Where people reach this server, where somebody said it.
    pub(crate) public_url: Option<String>,
    /// The link for the first admin, while there is none.
    pub(crate) first_link: Option<String>,
}

impl Entrance {
    /// The entrance of a server that listens on `address`.
    ///
    /// # Errors
    /// [`Failure`] for a configuration that cannot be used, and where the state cannot be written.
    pub(crate) async fn of(config: &Config, storage: &Storage, address: SocketAddr) -> Result<Self, Failure> {
        let public_url = config.server.public_url.as_deref().map(public_origin).transpose()?;
        let base = public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let (store, directory) = (&storage.store, &storage.directory);
        let (clock, entropy) = (&storage.clock, &storage.entropy);
        let sessions = Arc::new(Sessions::new(
            Arc::clone(store),
            Arc::clone(directory),
            Arc::clone(clock),
            Arc::clone(entropy),
            config.access.times(),
        ));
        let people = People::new(
            Arc::clone(store),
            Arc::clone(directory),
            Arc::clone(&sessions),
            Arc::clone(clock),
            Arc::clone(entropy),
        )
        .with_issuers(config.access.oidc.iter().map(|provider| provider.issuer.clone()));
        let people = Arc::new(people);
        let first = people.first_link(&local_caller()).await.map_err(|e| Failure::new(Exit::Server, e))?;
        let oidc = config.access.oidc.iter().map(|provider| {
            let settings = provider.settings(&base)?;
            let oidc = Oidc::new(settings, Arc::clone(clock), Arc::clone(entropy), storage.sealer.clone());
            oidc.map(Arc::new).map_err(|e| Failure::new(Exit::Usage, e))
        });
        Ok(Self {
            gate: Arc::new(Gate::new(Arc::clone(directory), Arc::clone(&sessions))),
            denials: Arc::new(Denials::new(Arc::clone(store), Arc::clone(clock), Arc::clone(entropy))),
            oidc: oidc.collect::<Result<_, Failure>>()?,
            first_link: first.map(|(_, secret)| format!("{base}/enter#{}", secret.reveal())),
            sessions,
            people,
            public_url,
        })
    }
}

fn public_origin(url: &str) -> Result<String, Failure> {
    access::public_origin(url).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("server.public_url = {url:?} is no address of a server"))
            .hint("write https://HOST or https://HOST:PORT, without a path")
    })
}
