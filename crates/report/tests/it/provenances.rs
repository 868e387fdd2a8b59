//! A report is as strong as what was proved, whatever is claimed.

use report::provenance::{CHANNEL_STRENGTH_MAX, Channel, Credential, Evidence, Vector, channel_of};

fn claims() -> impl Iterator<Item = Option<Channel>> {
    std::iter::once(None).chain(Channel::ALL.map(Some))
}

#[test]
fn a_claimed_channel_never_makes_a_report_stronger() {
    for credential in Credential::ALL {
        for claimed in claims() {
            let channel = channel_of(claimed, credential, false);
            // only what came over MCP is of MCP, only a link's proof makes a link
            assert_ne!(channel, Channel::Mcp, "{claimed:?} {credential:?}");
            assert_eq!(
                channel == Channel::Link,
                credential == Credential::Link,
                "{claimed:?} {credential:?}"
            );
            assert_eq!(channel_of(claimed, credential, true), Channel::Mcp);
            let evidence = Evidence {
                credential,
                signed_commit: Some(true),
                corroborating_reporters: 0,
                telemetry_match: false,
            };
            let vector = Vector::of(&evidence);
            assert_eq!(vector.channel_strength, credential.strength());
            assert_eq!(vector.sso, credential == Credential::Session { sso: true });
            // a guest who says that the commit is signed is not believed
            assert_eq!(vector.signed_commit.is_some(), credential.strength() >= 2);
        }
    }
}

#[test]
fn channels_by_claim_and_credential() {
    let session = Credential::Session { sso: true };
    let cases = [
        (None, Credential::None, Channel::Api),
        (Some(Channel::Web), Credential::None, Channel::Web),
        (Some(Channel::Cli), Credential::None, Channel::Cli),
        (Some(Channel::Cli), Credential::Token, Channel::Cli),
        (Some(Channel::Cli), session, Channel::Api),
        (Some(Channel::Web), session, Channel::Web),
        (None, session, Channel::Web),
        (Some(Channel::Web), Credential::Token, Channel::Api),
        (Some(Channel::Mcp), Credential::Token, Channel::Api),
        (Some(Channel::Link), Credential::None, Channel::Api),
        (Some(Channel::Web), Credential::Link, Channel::Link),
    ];
    for (claimed, credential, want) in cases {
        assert_eq!(channel_of(claimed, credential, false), want, "{claimed:?} {credential:?}");
    }
    for channel in Channel::ALL {
        assert_eq!(Channel::from_name(channel.as_str()), Some(channel));
    }
}

#[test]
fn more_evidence_never_scores_less() {
    let mut scores = Vec::new();
    for credential in Credential::ALL {
        for bits in 0..8_u32 {
            let evidence = |bits: u32| Evidence {
                credential,
                signed_commit: (bits & 1 != 0).then_some(true),
                corroborating_reporters: bits >> 1 & 1,
                telemetry_match: bits & 4 != 0,
            };
            let score = Vector::of(&evidence(bits)).score();
            for bit in [1, 2, 4] {
                assert!(Vector::of(&evidence(bits | bit)).score() >= score);
            }
            scores.push(score);
        }
    }
    let most = scores.iter().copied().fold(0.0, f64::max);
    assert!((most - 1.0).abs() < 1e-12 && scores.iter().all(|score| (0.0..=1.0 + 1e-12).contains(score)));
    assert_eq!(CHANNEL_STRENGTH_MAX, 3);
}
