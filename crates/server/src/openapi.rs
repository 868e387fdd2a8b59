//! The API's description (OpenAPI 3.1), made from the handlers, and its reference page, made from that.

use crate::reference_page;
use axum::http::{HeaderValue, header};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

/// The description, written once.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) json: String,
    pub(crate) html: String,
}

impl Document {
    pub(crate) fn of(openapi: &OpenApi) -> Self {
        let mut json = serde_json::to_string_pretty(openapi).unwrap_or_default();
        json.push('\n');
        let html = reference_page::render(&serde_json::to_value(openapi).unwrap_or_default());
        Self { json, html }
    }
}

/// What stands above the routes.
pub(crate) fn head() -> OpenApi {
    let description = "Machine telemetry and people's reports become incidents. Errors are \
        `application/problem+json` (RFC 9457) with a stable `code`; each code has a page under \
        `/docs/errors/{code}`. Times are milliseconds since the Unix epoch. Lists come in pages: ask with \
        `after` for what follows `next`.";
    let token = |description: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
        SecurityScheme::Http(scheme.build())
    };
    let hec = ApiKeyValue::with_description("Authorization", "`Splunk hc_src_…`, a source's token");
    let session = ApiKeyValue::with_description(
        "huecry_session",
        "a person's session (`__Host-huecry_session` over https); what changes something repeats the session's `csrf` \
         in `X-CSRF-Token`",
    );
    let receipt = ApiKeyValue::with_description(
        "huecry_receipt",
        "a receipt that is open in a browser for an hour (`__Host-huecry_receipt` over https)",
    );
    let components = ComponentsBuilder::new()
        .security_scheme("api_token", token("`hc_api_…`, a token with scopes"))
        .security_scheme("source_token", token("`hc_src_…`, one source's ingest-only token"))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)))
        .security_scheme("receipt", SecurityScheme::ApiKey(ApiKey::Cookie(receipt)))
        .security_scheme("hec_token", SecurityScheme::ApiKey(ApiKey::Header(hec)))
        .build();
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Hue & Cry")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(license))
        .build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// Lets caches keep what changes only with the program, for an hour.
pub(crate) const CACHED: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
