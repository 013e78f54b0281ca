//! Public links, which work without an account (MSC2461, revision 1; `docs/policy.md`, "Sharing links").
//!
//! A public link is the URL of the media on the legacy endpoint of the user's homeserver:
//! `<homeserver>/_matrix/media/v3/download/<server>/<id>`. It does not belong to the MSC4097 protocol: it
//! names the media, has no token and no key, and works for as long as the homeserver allows.

use serde::Deserialize;

use crate::policy::{Asked, Decision, Locality, Token, Unauthenticated, published};
use crate::protocol::{Endpoint, ServerName};

/// A public link that may be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicLink {
    /// No policy forbids the link. An anonymous request for the media shows whether it works.
    Untested,
    /// The link works.
    Works {
        /// Whether the homeserver promises that the link keeps working (`m.local`).
        promised: bool,
    },
}

/// The reason why media has no public link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPublicLink {
    /// The homeserver's policy forbids it. The policy is never `Unset` or `Unspecified`, which forbid
    /// nothing.
    #[error("the homeserver's policy is {}: {}", .0.as_str(), meaning(*.0))]
    Policy(Unauthenticated),
    /// No policy forbids it, but an anonymous request did not get the media.
    #[error(
        "the homeserver serves it only to people with an account, which is the rule for new media since \
         Matrix 1.11"
    )]
    AccountsOnly,
}

/// Decides whether media has a public link.
///
/// - `config` is the body of the media config, or `None` if the user may not read it (guests).
/// - `locality` says whether the media belongs to the user's homeserver, see [`locality`].
/// - `served` says whether an anonymous request on the legacy endpoint got the media. Call first with `None`,
///   and make the request only if the result is [`PublicLink::Untested`].
///
/// # Errors
/// The reason why there is no public link, in words for the user. Under `m.cached` there is none: when
/// somebody follows the link, the object may have left the cache, or another data centre may serve the
/// request.
pub fn assess(
    config: Option<&[u8]>,
    locality: Locality,
    served: Option<bool>,
) -> Result<PublicLink, NoPublicLink> {
    // A policy that cannot be read does not count, as between homeservers.
    let policy = config.and_then(published).unwrap_or_default();
    let asked = Asked { endpoint: Endpoint::Legacy, token: Token::Absent, locality, cached: false };
    match (policy.decide(asked), served) {
        (Decision::Refuse(_), _) => Err(NoPublicLink::Policy(policy)),
        (_, None) => Ok(PublicLink::Untested),
        (_, Some(false)) => Err(NoPublicLink::AccountsOnly),
        (_, Some(true)) => Ok(PublicLink::Works { promised: policy == Unauthenticated::Local }),
    }
}

/// Returns whether media of `server` belongs to the homeserver of the user. `whoami` is the body of
/// `GET /_matrix/client/v3/account/whoami`: `{"user_id":"@alice:example.org"}`. Returns `None` if it has no
/// valid user id.
pub fn locality(whoami: &[u8], server: &ServerName) -> Option<Locality> {
    #[derive(Deserialize)]
    struct Whoami {
        user_id: String,
    }
    let Whoami { user_id } = serde_json::from_slice(whoami).ok()?;
    let (_, own) = user_id.strip_prefix('@')?.split_once(':')?;
    let own = ServerName::parse(own).ok()?;
    Some(if own == *server { Locality::Local } else { Locality::Remote })
}

/// Returns the consequence of a policy, in words for the user.
fn meaning(policy: Unauthenticated) -> &'static str {
    match policy {
        Unauthenticated::Nothing => "it serves nothing to people without an account",
        Unauthenticated::Local => {
            "it serves only its own users' media to people without an account, and this belongs to another server"
        }
        Unauthenticated::Cached => {
            "it serves only what is in its cache to people without an account, so a link would work for \
             some people, some of the time"
        }
        Unauthenticated::Unset | Unauthenticated::Unspecified => "it forbids nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRY: Result<PublicLink, NoPublicLink> = Ok(PublicLink::Untested);
    const NOW: Result<PublicLink, NoPublicLink> = Ok(PublicLink::Works { promised: false });
    const PROMISED: Result<PublicLink, NoPublicLink> = Ok(PublicLink::Works { promised: true });
    const FROZEN: Result<PublicLink, NoPublicLink> = Err(NoPublicLink::AccountsOnly);

    /// Returns the results before an anonymous request, after a refused one, and after a served one.
    fn shares(config: Option<&str>, locality: Locality) -> [Result<PublicLink, NoPublicLink>; 3] {
        [None, Some(false), Some(true)].map(|served| assess(config.map(str::as_bytes), locality, served))
    }

    #[test]
    fn every_policy_with_every_outcome() {
        let never = |policy| [Err(NoPublicLink::Policy(policy)); 3];
        let [passes, promised] = [[TRY, FROZEN, NOW], [TRY, FROZEN, PROMISED]];
        for (word, local, remote) in [
            ("null", passes, passes),
            ("\"m.unspecified\"", passes, passes),
            ("\"m.local\"", promised, never(Unauthenticated::Local)),
            ("\"m.cached\"", never(Unauthenticated::Cached), never(Unauthenticated::Cached)),
            ("\"m.none\"", never(Unauthenticated::Nothing), never(Unauthenticated::Nothing)),
            ("\"m.all\"", never(Unauthenticated::Nothing), never(Unauthenticated::Nothing)),
            ("\"m.future\"", passes, passes),
            ("7", passes, passes),
        ] {
            let config = format!(r#"{{"m.upload.size":1,"m.media.unauthenticated":{word}}}"#);
            assert_eq!(shares(Some(&config), Locality::Local), local, "{word}");
            assert_eq!(shares(Some(&config), Locality::Remote), remote, "{word}");
        }
        for config in [None, Some(""), Some("{}"), Some("<html>"), Some("[]")] {
            assert_eq!(shares(config, Locality::Local), passes, "{config:?}");
            assert_eq!(shares(config, Locality::Remote), passes, "{config:?}");
        }
    }

    #[test]
    fn the_users_homeserver_decides_which_media_are_local() {
        let of =
            |whoami: &str, server: &str| locality(whoami.as_bytes(), &ServerName::parse(server).unwrap());
        let alice = r#"{"user_id":"@alice:example.org:8448","device_id":"D"}"#;
        assert_eq!(of(alice, "example.org:8448"), Some(Locality::Local));
        assert_eq!(of(alice, "example.org"), Some(Locality::Remote));
        assert_eq!(of(r#"{"user_id":"@old:name:[::1]"}"#, "[::1]"), None);
        for nobody in ["", "{}", r#"{"user_id":7}"#, r#"{"user_id":"alice"}"#, r#"{"user_id":"@alice"}"#] {
            assert_eq!(of(nobody, "example.org"), None, "{nobody}");
        }
    }

    #[test]
    fn reasons_are_sentences() {
        let reasons = Unauthenticated::ALL.map(NoPublicLink::Policy).map(|reason| reason.to_string());
        insta::assert_snapshot!(reasons[1..].join("\n"), @r"
        the homeserver's policy is m.cached: it serves only what is in its cache to people without an account, so a link would work for some people, some of the time
        the homeserver's policy is m.local: it serves only its own users' media to people without an account, and this belongs to another server
        the homeserver's policy is m.unspecified: it forbids nothing
        the homeserver's policy is m.none: it serves nothing to people without an account
        ");
        insta::assert_snapshot!(NoPublicLink::AccountsOnly.to_string(), @"the homeserver serves it only to people with an account, which is the rule for new media since Matrix 1.11");
    }
}
