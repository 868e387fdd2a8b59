//! Groups that are not in the id token: asked of the provider's userinfo endpoint.

use super::{More, Oidc, OidcError, Provider, chain, http};
use openidconnect::core::CoreGenderClaim;
use openidconnect::{AccessToken, SubjectIdentifier, UserInfoClaims, UserInfoError};

impl Oidc {
    /// The groups that the userinfo answer (OpenID Connect Core 1.0, section 5.3) names; none where the provider has no
    /// such endpoint. The answer must be about `subject`, else another person's groups would count.
    pub(super) async fn groups_of_userinfo(
        &self,
        client: &Provider,
        token: &AccessToken,
        subject: &SubjectIdentifier,
    ) -> Result<Vec<String>, OidcError> {
        let Ok(request) = client.user_info(token.clone(), Some(subject.clone())) else {
            return Ok(Vec::new());
        };
        let http = |request| http::ask(self.agent.clone(), request);
        let answer: Result<UserInfoClaims<More, CoreGenderClaim>, _> = request.request_async(&http).await;
        let answer = answer.map_err(|error| match &error {
            UserInfoError::ClaimsVerification(inner) => OidcError::BadToken(format!("userinfo: {inner}")),
            _ => OidcError::Unavailable(chain(&error)),
        });
        let claims = match answer {
            Err(OidcError::Unavailable(reason)) if !self.settings.roles_of_all.is_empty() => {
                // who comes in without any group does not depend on that answer
                tracing::warn!(%reason, "no groups from the provider's userinfo");
                return Ok(Vec::new());
            }
            answer => answer?,
        };
        Ok(groups(claims.additional_claims().all.get(&self.settings.groups_claim)))
    }
}

/// Groups as a list of texts or as one text.
pub(super) fn groups(claim: Option<&serde_json::Value>) -> Vec<String> {
    match claim {
        Some(serde_json::Value::Array(groups)) => {
            groups.iter().filter_map(|group| group.as_str()).map(str::to_owned).collect()
        }
        Some(serde_json::Value::String(group)) => vec![group.clone()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_a_list_or_one() {
        let of = |text: &str| groups(Some(&serde_json::from_str(text).unwrap()));
        assert_eq!(of(r#"["a","b",7]"#), ["a", "b"]);
        assert_eq!(of(r#""a""#), ["a"]);
        assert!(of("{}").is_empty() && groups(None).is_empty());
    }
}
