//! Whether a link to media works for somebody who has no account (MSC2461 revision 1).
//!
//! Such a link is the media's URL on the legacy endpoint of the user's homeserver,
//! `<homeserver>/_matrix/media/v3/download/<server>/<id>`. It is no link of this protocol: it names the
//! media, holds no key, and works for as long as the homeserver likes.

use serde::Deserialize;

use crate::policy::{Asked, Decision, Locality, Token, Unauthenticated, published};
use crate::protocol::{Endpoint, ServerName};

/// What a link is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicLink {
    /// No policy forbids it. Whether it works is found out by an anonymous request for the media.
    Untested,
    /// It works.
    Works {
        /// Whether the homeserver says that it will go on to work (`m.local`), or merely lets it pass now.
        promised: bool,
    },
}

/// Why there is nothing to share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPublicLink {
    /// The homeserver's policy is against it. Never `m.unspecified` or no policy, which are against nothing.
    #[error("the homeserver's policy is {}: {}", .0.as_str(), meaning(*.0))]
    Policy(Unauthenticated),
    /// No policy forbids it, and still the media came to nobody without an account.
    #[error(
        "the homeserver serves them only to people with an account, which is the rule for new media since \
         Matrix 1.11"
    )]
    AccountsOnly,
}

/// Decides whether a link may be given to somebody without an account.
///
/// - `config` is the body of the media config, `None` where the user may not read it (guests);
/// - `locality` is whose media these are, see [`locality`];
/// - `served` is whether an anonymous request got them on the legacy endpoint, `None` before it was
///   made: ask first without, and make the request only for [`PublicLink::Untested`].
///
/// # Errors
/// Why it would not work, in words for the user. A copy in a cache (`m.cached`) is no reason to share:
/// it may be gone, or in another data centre, when somebody follows the link.
pub fn assess(
    config: Option<&[u8]>,
    locality: Locality,
    served: Option<bool>,
) -> Result<PublicLink, NoPublicLink> {
    // What cannot be read is no policy, as among homeservers.
    let policy = config.and_then(published).unwrap_or_default();
    let asked = Asked { endpoint: Endpoint::Legacy, token: Token::Absent, locality, cached: false };
    match (policy.decide(asked), served) {
        (Decision::Refuse(_), _) => Err(NoPublicLink::Policy(policy)),
        (_, None) => Ok(PublicLink::Untested),
        (_, Some(false)) => Err(NoPublicLink::AccountsOnly),
        (_, Some(true)) => Ok(PublicLink::Works { promised: policy == Unauthenticated::Local }),
    }
}

/// Whose media are those of `server`, for the user whom `GET /_matrix/client/v3/account/whoami` names
/// (`{"user_id":"@alice:example.org"}`)? `None` where the document names nobody.
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

/// Why a policy refuses what it refuses.
fn meaning(policy: Unauthenticated) -> &'static str {
    match policy {
        Unauthenticated::Nothing => "it serves nothing to people without an account",
        Unauthenticated::Local => {
            "it serves only its own users' media to people without an account, and these belong to another server"
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

    /// Not tried, refused, served.
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
    fn the_user_says_whose_media_are_local() {
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
        the homeserver's policy is m.local: it serves only its own users' media to people without an account, and these belong to another server
        the homeserver's policy is m.unspecified: it forbids nothing
        the homeserver's policy is m.none: it serves nothing to people without an account
        ");
        insta::assert_snapshot!(NoPublicLink::AccountsOnly.to_string(), @"the homeserver serves them only to people with an account, which is the rule for new media since Matrix 1.11");
    }
}
