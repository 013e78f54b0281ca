//! `cloakroom link`: reads the homeserver's policy, tries the link, then prints it.

use std::io::Write as _;

use cloakroom::client::HomeserverUrl;
use cloakroom::client::public_link::{PublicLink, assess, locality};
use cloakroom::policy::Locality;
use cloakroom::protocol::{AccessToken, MxcUri, Object, Variant};
use http::StatusCode;
use zeroize::Zeroizing;

use super::args::LinkArgs;
use super::failure::Failure;
use super::network::Network;
use super::say::Say;
use super::token;
use super::transport::Transport;

const WHOAMI: &str = "/_matrix/client/v3/account/whoami";
const CONFIG: &str = "/_matrix/client/v1/media/config";

/// Prints the public link of media, if it has one.
pub async fn link(args: LinkArgs, say: &Say) -> Result<(), Failure> {
    let homeserver = args.account.homeserver()?;
    let token = token::read(args.account.token_file.as_deref(), say)?;
    let MxcUri { server_name, media_id } = args.media.clone();
    let object = Object { server_name, media_id, variant: Variant::Original };
    let promised = find(&homeserver, &token, &object, &args, say).await?;
    let link = homeserver.join(&object.legacy_path());
    writeln!(std::io::stdout(), "{link}").map_err(|error| Failure::write("standard output", error))?;
    say.note(if promised {
        "works without an account: the homeserver's policy promises it"
    } else {
        "works without an account now; the homeserver does not promise that it will keep working"
    });
    Ok(())
}

/// Checks that the media has a public link. Returns whether the homeserver promises that it keeps working.
async fn find(
    homeserver: &HomeserverUrl,
    token: &AccessToken,
    object: &Object,
    args: &LinkArgs,
    say: &Say,
) -> Result<bool, Failure> {
    let user = Transport::new(Network::new(args.stall_timeout)?, token)?;
    let locality = whose(&user, homeserver, object, say).await?;
    let config = media_config(&user, homeserver, say).await?;
    let mut served = None;
    loop {
        let decided = assess(config.as_deref().map(Vec::as_slice), locality, served);
        match decided.map_err(|why| Failure::NoPublicLink { media: args.media.clone(), why })? {
            PublicLink::Works { promised } => return Ok(promised),
            PublicLink::Untested => served = Some(is_served(&user, homeserver, object, say).await?),
        }
    }
}

async fn whose(
    user: &Transport,
    homeserver: &HomeserverUrl,
    object: &Object,
    say: &Say,
) -> Result<Locality, Failure> {
    say.step("asking the homeserver who you are");
    let whoami = user.get(&homeserver.join(WHOAMI)).await??;
    locality(&whoami, &object.server_name).ok_or(Failure::Nobody)
}

/// Returns the media config, or `None` if this user cannot read it. Guests may not read it with their token,
/// but while a policy is set, everybody may read it without a token.
async fn media_config(
    user: &Transport,
    homeserver: &HomeserverUrl,
    say: &Say,
) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    say.step("asking the homeserver for its policy");
    let url = homeserver.join(CONFIG);
    let refused = match user.get(&url).await? {
        Ok(config) => return Ok(Some(config)),
        Err(refused) => refused,
    };
    match refused.status() {
        StatusCode::NOT_FOUND => {}
        StatusCode::FORBIDDEN => {
            say.step(format_args!("asking without an account: {refused}"));
            match user.anonymous().get(&url).await? {
                Ok(config) => return Ok(Some(config)),
                Err(refused) if passes(refused.status()) => return Err(refused.into()),
                Err(_) => {}
            }
        }
        _ => return Err(refused.into()),
    }
    say.step(format_args!("this account cannot read the homeserver's policy: {refused}"));
    Ok(None)
}

/// Returns whether a refusal is temporary. A temporary one says nothing about the policy or the media.
fn passes(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// Returns whether an anonymous request got the media. If a request with an account does not get it either,
/// it does not exist or is not available now, and that is the failure.
async fn is_served(
    user: &Transport,
    homeserver: &HomeserverUrl,
    object: &Object,
    say: &Say,
) -> Result<bool, Failure> {
    let anonymous = user.anonymous();
    say.step("asking for the media without an account");
    let Err(refused) = anonymous.serves(&homeserver.join(&object.legacy_path())).await? else {
        return Ok(true);
    };
    if passes(refused.status()) {
        return Err(refused.into());
    }
    say.step(format_args!("asking for the media with your account: {refused}"));
    user.serves(&homeserver.join(&object.client_path())).await??;
    Ok(false)
}
