//! Sign-in by an OpenID Connect provider: code flow with PKCE (S256), and back-channel logout.
//!
//! What is checked, and by whom: the issuer of the discovery document, of the answer (RFC 9207) and of the token; the
//! audience; expiry and age; the nonce, which ties the token to this attempt; the state, which ties the answer to this
//! browser; the signature, by an asymmetric algorithm from a closed list. Signing keys are fetched again when a token is
//! signed by one that is not known.
//!
//! **Invariant:** an attempt is finished only by the browser that began it: its state, nonce and verifier are sealed in a
//! cookie, and the server keeps nothing of it.

mod address;
mod http;
mod logout;
mod userinfo;

pub use address::{RETURN_BYTES_MAX, is_own_path, public_origin};
pub use logout::LogoutSaid;

use crate::people::Claims;
use crate::role::{Role, RoleSet};
use crate::seal::Sealer;
use crate::secret::random_text;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Clock, Entropy};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthenticationFlow, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenClaims, IdTokenFields,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use ports::store::Identity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use subtle::ConstantTimeEq;

/// How long a person may take at the identity provider, in milliseconds.
pub const FLOW_MS: i64 = 10 * 60_000;

/// How long the discovery document and the keys count, in milliseconds.
pub const DISCOVERY_MS: i64 = 60 * 60_000;

/// How often keys are fetched again because a token's key is not known, in milliseconds.
pub const KEYS_FETCH_MS_MIN: i64 = 10_000;

/// How far the identity provider's clock may be off, and how old a token may be, in milliseconds.
pub const TOKEN_AGE_MS_MAX: i64 = 5 * 60_000;

/// The algorithms that tokens may be signed with: asymmetric ones, so that a public key is never a shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// One identity provider.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// Its name here, in paths.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The issuer, below which the discovery document stands.
    pub issuer: String,
    /// Who this server is there.
    pub client_id: String,
    /// What it proves that with; none for a public client.
    pub client_secret: Option<String>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim with the person's groups.
    pub groups_claim: String,
    /// What groups come to.
    pub roles: BTreeMap<String, Vec<Role>>,
    /// What everybody is whom the provider lets in.
    pub roles_of_all: Vec<Role>,
    /// Where this server is reached, without a slash at the end.
    pub public_url: String,
    /// Certificates (PEM) that its TLS certificate may be signed by, beside Mozilla's roots.
    pub ca_pem: Option<Vec<u8>>,
}

impl std::fmt::Debug for OidcSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, issuer, client_id, client_secret, .. } = self;
        write!(f, "OidcSettings({id}, {issuer}, {client_id}, secret: {})", client_secret.is_some())
    }
}

/// Why a sign-in by a provider goes no further.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The configuration cannot be used.
    #[error("identity provider {id}: {reason}")]
    Configuration {
        /// The provider.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// The provider does not answer, or not as it should.
    #[error("the identity provider does not answer: {0}")]
    Unavailable(String),
    /// The path to go back to is not one of this server.
    #[error(
        "`return` is a path of this server, beginning with one slash, of at most {RETURN_BYTES_MAX} plain characters"
    )]
    BadReturn,
    /// Another browser, another attempt, or too late.
    #[error("this sign-in was not begun in this browser, or too long ago; begin again")]
    FlowLost,
    /// The provider says no.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// The token does not hold.
    #[error("the identity provider's token does not hold: {0}")]
    BadToken(String),
}

/// What else is in an id token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct More {
    #[serde(flatten)]
    all: serde_json::Map<String, serde_json::Value>,
}
impl AdditionalClaims for More {}

type Fields = IdTokenFields<
    More,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Provider = Client<
    More,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// An attempt under way, as the browser's cookie holds it, sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Flow {
    state: String,
    nonce: String,
    verifier: String,
    return_to: String,
    expires_at_ms: i64,
}

/// An attempt that began.
#[derive(Debug)]
pub struct Started {
    /// Where the browser goes.
    pub location: String,
    /// What it keeps in a cookie meanwhile.
    pub flow: String,
}

/// What the browser brings back.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'c> {
    /// The cookie.
    pub flow: Option<&'c str>,
    /// The state of the answer.
    pub state: &'c str,
    /// The code.
    pub code: &'c str,
    /// The issuer, where the provider says it (RFC 9207).
    pub issuer: Option<&'c str>,
}

/// Somebody whom the provider vouches for.
#[derive(Debug)]
pub struct Vouched {
    /// Who.
    pub claims: Claims,
    /// The provider's name for its own session.
    pub sid: Option<String>,
    /// Where to go on.
    pub return_to: String,
}

struct Discovered {
    metadata: Arc<CoreProviderMetadata>,
    at_ms: i64,
}

/// Talks to one identity provider.
pub struct Oidc {
    settings: OidcSettings,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    agent: ureq::Agent,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Sealer,
    discovered: tokio::sync::Mutex<Option<Discovered>>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Oidc({:?})", self.settings)
    }
}

impl Oidc {
    /// A provider of these settings; nothing is asked of it before somebody signs in.
    ///
    /// # Errors
    /// [`OidcError::Configuration`].
    pub fn new(
        settings: OidcSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        sealer: Sealer,
    ) -> Result<Self, OidcError> {
        let bad = |reason: String| OidcError::Configuration { id: settings.id.clone(), reason };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if settings.id.is_empty()
            || settings.id.len() > 32
            || !settings.id.chars().all(plain)
            || settings.id == "link"
        {
            return Err(bad("the id is 1 to 32 of a-z, 0-9 and -, and not `link`".to_owned()));
        }
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|e| bad(format!("issuer: {e}")))?;
        if !http::is_safe(issuer.url()) {
            return Err(bad("the issuer is an https: URL (http: only on this machine)".to_owned()));
        }
        let redirect = format!("{}/auth/oidc/{}/callback", settings.public_url, settings.id);
        let redirect = RedirectUrl::new(redirect).map_err(|e| bad(format!("server.public_url: {e}")))?;
        let agent = http::agent(settings.ca_pem.as_deref()).map_err(|e| bad(format!("ca_file: {e}")))?;
        let discovered = tokio::sync::Mutex::default();
        Ok(Self { settings, issuer, redirect, agent, clock, entropy, sealer, discovered })
    }

    /// What was configured.
    pub const fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// Begins an attempt that ends at `return_to`.
    ///
    /// # Errors
    /// [`OidcError::BadReturn`], [`OidcError::Unavailable`].
    pub async fn start(&self, return_to: &str) -> Result<Started, OidcError> {
        if !is_own_path(return_to) {
            return Err(OidcError::BadReturn);
        }
        let client = self.client(&*self.metadata().await?);
        let flow = Flow {
            state: random_text(&*self.entropy),
            nonce: random_text(&*self.entropy),
            verifier: random_text(&*self.entropy),
            return_to: return_to.to_owned(),
            expires_at_ms: self.clock.now_ms().saturating_add(FLOW_MS),
        };
        let verifier = PkceCodeVerifier::new(flow.verifier.clone());
        let (state, nonce) = (CsrfToken::new(flow.state.clone()), Nonce::new(flow.nonce.clone()));
        let mut request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                move || state,
                move || nonce,
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (location, _, _) = request.url();
        Ok(Started { location: location.into(), flow: self.seal(&flow)? })
    }

    /// Whether an answer is to an attempt that this browser began and that can still end.
    pub fn began(&self, flow: Option<&str>, state: Option<&str>) -> bool {
        let flow = flow.and_then(|sealed| self.open(sealed));
        flow.zip(state).is_some_and(|(flow, state)| self.is_of(&flow, state))
    }

    fn is_of(&self, flow: &Flow, state: &str) -> bool {
        let ours: bool = flow.state.as_bytes().ct_eq(state.as_bytes()).into();
        ours && flow.expires_at_ms > self.clock.now_ms()
    }

    /// Ends an attempt: who is it?
    ///
    /// # Errors
    /// [`OidcError::FlowLost`], [`OidcError::Refused`], [`OidcError::BadToken`], [`OidcError::Unavailable`].
    pub async fn finish(&self, callback: Callback<'_>) -> Result<Vouched, OidcError> {
        let flow = callback.flow.and_then(|sealed| self.open(sealed)).ok_or(OidcError::FlowLost)?;
        if !self.is_of(&flow, callback.state) {
            return Err(OidcError::FlowLost);
        }
        if callback.issuer.is_some_and(|issuer| issuer != self.issuer.as_str()) {
            return Err(OidcError::BadToken("the answer is of another issuer".to_owned()));
        }
        let client = self.client(&*self.metadata().await?);
        let request = client
            .exchange_code(AuthorizationCode::new(callback.code.to_owned()))
            .map_err(|e| OidcError::Unavailable(e.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier));
        let http = |request| http::ask(self.agent.clone(), request);
        let answer = request.request_async(&http).await.map_err(refused)?;
        let token =
            answer.id_token().ok_or_else(|| OidcError::BadToken("there is no id token".to_owned()))?;
        let nonce = Nonce::new(flow.nonce);
        let claims = match self.verified(&client, token, &nonce) {
            Ok(claims) => claims,
            // signed by a key that is not known: has the provider exchanged its keys?
            Err((error, true)) => match self.fetched_again().await? {
                Some(metadata) => {
                    self.verified(&self.client(&metadata), token, &nonce).map_err(|(error, _)| error)?
                }
                None => return Err(error),
            },
            Err((error, false)) => return Err(error),
        };
        let sid = claims.additional_claims().all.get("sid").and_then(|sid| sid.as_str()).map(str::to_owned);
        let groups = match claims.additional_claims().all.get(&self.settings.groups_claim) {
            Some(claim) => userinfo::groups(Some(claim)),
            None => self.groups_of_userinfo(&client, answer.access_token(), claims.subject()).await?,
        };
        Ok(Vouched { claims: self.claims(&claims, groups), sid, return_to: flow.return_to })
    }

    /// The claims of a token that holds; else why not, and whether other keys could change that.
    fn verified(
        &self,
        client: &Provider,
        token: &openidconnect::IdToken<
            More,
            CoreGenderClaim,
            CoreJweContentEncryptionAlgorithm,
            CoreJwsSigningAlgorithm,
        >,
        nonce: &Nonce,
    ) -> Result<IdTokenClaims<More, CoreGenderClaim>, (OidcError, bool)> {
        use openidconnect::ClaimsVerificationError::SignatureVerification;
        use openidconnect::SignatureVerificationError::{CryptoError, NoMatchingKey};
        let now = UNIX_EPOCH + Duration::from_millis(self.clock.now_ms().max(0) as u64);
        let age_max = Duration::from_millis(TOKEN_AGE_MS_MAX as u64);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now.into())
            .set_issue_time_verifier_fn(move |at| {
                let at = std::time::SystemTime::from(at);
                let off = now.duration_since(at).or_else(|_| at.duration_since(now)).unwrap_or(Duration::MAX);
                if off <= age_max {
                    Ok(())
                } else {
                    Err("it was issued too long ago, or in the future".to_owned())
                }
            });
        token.claims(&verifier, nonce).cloned().map_err(|error| {
            let by_key = matches!(error, SignatureVerification(NoMatchingKey | CryptoError(_)));
            let said = match &error {
                SignatureVerification(inner) => format!("{error}: {inner}"),
                _ => error.to_string(),
            };
            (OidcError::BadToken(said), by_key)
        })
    }

    fn claims(&self, claims: &IdTokenClaims<More, CoreGenderClaim>, groups: Vec<String>) -> Claims {
        let text = |key: &str| claims.additional_claims().all.get(key).and_then(|value| value.as_str());
        let subject = claims.subject().as_str().to_owned();
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str());
        let email = claims.email().map(|email| email.as_str());
        let known_as = claims.preferred_username().map(|name| name.as_str());
        let name = name.or(known_as).or(email).or_else(|| text("upn")).unwrap_or(&subject).to_owned();
        let of_groups = groups.iter().filter_map(|group| self.settings.roles.get(group)).flatten();
        let roles: RoleSet = of_groups.chain(&self.settings.roles_of_all).copied().collect();
        Claims {
            identity: Identity { issuer: self.issuer.as_str().to_owned(), subject },
            name,
            email: email.map(str::to_owned),
            roles,
            teams: groups,
        }
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Provider {
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        let id = ClientId::new(self.settings.client_id.clone());
        Client::from_provider_metadata(metadata.clone(), id, secret).set_redirect_uri(self.redirect.clone())
    }

    async fn metadata(&self) -> Result<Arc<CoreProviderMetadata>, OidcError> {
        self.metadata_not_older_than(DISCOVERY_MS).await.map(|(metadata, _)| metadata)
    }

    /// The discovery document and keys anew, unless they were fetched a moment ago.
    async fn fetched_again(&self) -> Result<Option<Arc<CoreProviderMetadata>>, OidcError> {
        let (metadata, fetched) = self.metadata_not_older_than(KEYS_FETCH_MS_MIN).await?;
        Ok(fetched.then_some(metadata))
    }

    async fn metadata_not_older_than(
        &self,
        age_ms_max: i64,
    ) -> Result<(Arc<CoreProviderMetadata>, bool), OidcError> {
        let mut discovered = self.discovered.lock().await;
        let now_ms = self.clock.now_ms();
        if let Some(known) = discovered.as_ref()
            && (0..age_ms_max).contains(&now_ms.saturating_sub(known.at_ms))
        {
            return Ok((Arc::clone(&known.metadata), false));
        }
        let http = |request| http::ask(self.agent.clone(), request);
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &http).await;
        let metadata = found.map_err(|error| OidcError::Unavailable(chain(&error)))?;
        let endpoints = [
            Some(metadata.authorization_endpoint().url()),
            Some(metadata.jwks_uri().url()),
            metadata.token_endpoint().map(|endpoint| endpoint.url()),
            metadata.userinfo_endpoint().map(|endpoint| endpoint.url()),
        ];
        if !endpoints.into_iter().flatten().all(http::is_safe) {
            return Err(OidcError::Unavailable("an endpoint of it is not an https: URL".to_owned()));
        }
        let metadata = Arc::new(metadata);
        *discovered = Some(Discovered { metadata: Arc::clone(&metadata), at_ms: now_ms });
        Ok((metadata, true))
    }

    fn seal_name(&self) -> String {
        format!("oidc flow {}", self.settings.id)
    }

    fn seal(&self, flow: &Flow) -> Result<String, OidcError> {
        let text = serde_json::to_vec(flow).map_err(|e| OidcError::Unavailable(e.to_string()))?;
        let sealed = self.sealer.seal(&self.seal_name(), &text, &*self.entropy);
        Ok(URL_SAFE_NO_PAD.encode(sealed.map_err(|e| OidcError::Unavailable(e.to_string()))?))
    }

    fn open(&self, sealed: &str) -> Option<Flow> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let text = self.sealer.open(&self.seal_name(), &sealed).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn refused<E: std::error::Error + 'static>(
    error: openidconnect::RequestTokenError<E, StandardErrorResponse<CoreErrorResponseType>>,
) -> OidcError {
    match error {
        openidconnect::RequestTokenError::ServerResponse(said) => {
            OidcError::Refused(said.error().to_string())
        }
        // such as a token that cannot be read at all: alg "none" has no signature
        openidconnect::RequestTokenError::Parse(error, _) => OidcError::BadToken(error.to_string()),
        other => OidcError::Unavailable(chain(&other)),
    }
}
