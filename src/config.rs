//! What an operator may set, and what is wrong with it.
//!
//! Pure: reads variables through a function, so that `platform` can bring the Worker's environment
//! and tests a table. Every wrong variable is found, not only the first.

use std::fmt;

use crate::cipher::KEYSTREAM_BYTES;
use crate::policy::{CacheTimes, RemotePolicy, TargetRules, Unauthenticated};
use crate::protocol::{AccessToken, ServerName, WebOrigin, decimal, split_authority};

/// Which half of the product a deployment is, with the service account that this half needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Origin and edge in one, told apart by the host of the request.
    Both(AccessToken),
    /// In front of the homeserver only. It needs the service account only to advertise a policy.
    Origin(Option<AccessToken>),
    /// Behind the edge's own host name only.
    Edge(AccessToken),
}

impl Role {
    /// The role without its account.
    pub fn name(&self) -> RoleName {
        match self {
            Self::Both(_) => RoleName::Both,
            Self::Origin(_) => RoleName::Origin,
            Self::Edge(_) => RoleName::Edge,
        }
    }

    /// The service account, `HOMESERVER_TOKEN`.
    pub fn service_account(&self) -> Option<&AccessToken> {
        match self {
            Self::Both(account) | Self::Edge(account) => Some(account),
            Self::Origin(account) => account.as_ref(),
        }
    }
}

/// `ROLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleName {
    /// Origin and edge.
    Both,
    /// The origin.
    Origin,
    /// The edge.
    Edge,
}

impl RoleName {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Origin => "origin",
            Self::Edge => "edge",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Both, Self::Origin, Self::Edge].into_iter().find(|role| role.as_str() == word)
    }
}

/// What happens to objects that the client says are ciphertext already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptedMedia {
    /// Encrypted once more, like everything else.
    Reencrypt,
    /// Handed out as they are.
    Verbatim,
}

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ROLE` and `HOMESERVER_TOKEN`.
    pub role: Role,
    /// `HOMESERVER_URL`, an origin without a trailing slash.
    pub homeserver: WebOrigin,
    /// `SERVER_NAME`.
    pub server_name: ServerName,
    /// `EDGE_URL`, an origin without a trailing slash.
    pub edge: WebOrigin,
    /// `GRANT_TTL_SECS`.
    pub grant_ttl_secs: u64,
    /// `REDIRECT_MIN_BYTES`.
    pub redirect_min_bytes: u64,
    /// `REDIRECT_MAX_BYTES`; the longest object that a key can encrypt if it is not set.
    pub redirect_max_bytes: u64,
    /// `PLAIN_REDIRECT`.
    pub plain_redirect: bool,
    /// `ENCRYPTED_MEDIA`.
    pub encrypted_media: EncryptedMedia,
    /// `CACHE_MAX_BYTES`.
    pub cache_max_bytes: u64,
    /// `CACHE_TTL_SECS`.
    pub cache_ttl_secs: u64,
    /// `MEDIA_UNAUTHENTICATED`.
    pub unauthenticated: Unauthenticated,
    /// `REMOTE_POLICY`.
    pub remote_policy: RemotePolicy,
    /// `REMOTE_POLICY_TTL_SECS`, and a sixth of it where a remote homeserver did not answer.
    pub remote_policy_times: CacheTimes,
    /// `ALLOW_PRIVATE_NETWORK`.
    pub allow_private_network: bool,
}

/// A variable that is missing or has a value it may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Its name.
    pub variable: &'static str,
    /// Its value; never that of a secret.
    was: Option<String>,
    /// What it may be.
    expected: &'static str,
}

impl ConfigError {
    /// The key store's binding is not there.
    pub fn missing_key_store() -> Self {
        let expected = "a KV namespace: bind one under this name in wrangler.toml ([[kv_namespaces]])";
        Self { variable: "GRANTS", was: None, expected }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, was, expected } = self;
        match was {
            Some(was) => write!(f, "{variable} is {was:?}, but must be {expected}"),
            None => write!(f, "{variable} must be {expected}"),
        }
    }
}

/// A configuration that media cannot be served with: what is wrong, and what can be read of the rest.
#[derive(Clone, Debug)]
pub struct Misconfigured {
    /// Every variable that is wrong, in the order of the documentation.
    pub errors: Vec<ConfigError>,
    /// `ROLE`; `both` if it is wrong.
    pub role: RoleName,
    /// `HOMESERVER_URL`, if it is right.
    pub homeserver: Option<WebOrigin>,
    /// `EDGE_URL`, if it is right.
    pub edge: Option<WebOrigin>,
}

/// `CACHE_MAX_BYTES`' greatest value: the Cache API takes no larger object (512 MB).
const CACHE_LIMIT_BYTES: u64 = 512 * 1_000_000;

/// `REDIRECT_MAX_BYTES`' greatest value, and its default: no key encrypts more.
pub const REDIRECT_LIMIT_BYTES: u64 = KEYSTREAM_BYTES - 1;

impl Config {
    /// Reads all variables.
    ///
    /// # Errors
    /// Every variable that is wrong, in the order of the documentation.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Misconfigured> {
        let mut reader = Reader { variable, errors: Vec::new() };
        let role = reader.word("ROLE", "both", "'both', 'origin' or 'edge'", RoleName::parse);
        let origin = "a web origin like https://matrix.example.org: https (http only for localhost), \
                      a lowercase host without a dot at its end, no path, and no default port (443, or 80 \
                      for http)";
        let homeserver = reader.required("HOMESERVER_URL", origin, WebOrigin::parse);
        let server_name =
            reader.required("SERVER_NAME", "the homeserver's server name, like example.org", |text| {
                ServerName::parse(text).ok()
            });
        let edge = reader.required("EDGE_URL", origin, WebOrigin::parse);
        let policies = "'unset', 'm.cached', 'm.local', 'm.unspecified' or 'm.none'";
        let unauthenticated = reader.word("MEDIA_UNAUTHENTICATED", "unset", policies, Unauthenticated::parse);
        let remotes_read_config = unauthenticated.is_some_and(|policy| policy.advertised().is_some());
        let account = reader.homeserver_token(role != Some(RoleName::Origin) || remotes_read_config);
        let grant_ttl_secs = reader.number("GRANT_TTL_SECS", 300, 10, 86_400);
        let redirect_min_bytes = reader.number("REDIRECT_MIN_BYTES", 64 * 1024, 0, u64::MAX);
        let redirect_max_bytes =
            reader.number("REDIRECT_MAX_BYTES", REDIRECT_LIMIT_BYTES, 0, REDIRECT_LIMIT_BYTES);
        if let (Some(min), Some(max)) = (redirect_min_bytes, redirect_max_bytes)
            && max < min.min(REDIRECT_LIMIT_BYTES)
        {
            let expected = "at least REDIRECT_MIN_BYTES, or no object is redirected";
            reader.refuse("REDIRECT_MAX_BYTES", &max.to_string(), expected);
        }
        let plain_redirect = reader.switch("PLAIN_REDIRECT");
        let encrypted_media =
            reader.word("ENCRYPTED_MEDIA", "reencrypt", "'reencrypt' or 'verbatim'", |word| match word {
                "reencrypt" => Some(EncryptedMedia::Reencrypt),
                "verbatim" => Some(EncryptedMedia::Verbatim),
                _ => None,
            });
        let cache_max_bytes = reader.number("CACHE_MAX_BYTES", CACHE_LIMIT_BYTES, 0, CACHE_LIMIT_BYTES);
        let cache_ttl_secs = reader.number("CACHE_TTL_SECS", 7 * 86_400, 1, 365 * 86_400);
        let remote_policy =
            reader.word("REMOTE_POLICY", "enforce", "'enforce', 'legacy' or 'off'", RemotePolicy::parse);
        let remote_policy_ttl_secs = reader.number("REMOTE_POLICY_TTL_SECS", 3600, 1, 86_400);
        let allow_private_network = reader.switch("ALLOW_PRIVATE_NETWORK");
        if let (Some(homeserver), Some(edge)) = (&homeserver, &edge)
            && homeserver.authority() == edge.authority()
        {
            reader.refuse("EDGE_URL", edge.as_str(), "on another host than HOMESERVER_URL");
        }
        let role_with_account = match (role, account) {
            (Some(RoleName::Both), Some(account)) => Some(Role::Both(account)),
            (Some(RoleName::Edge), Some(account)) => Some(Role::Edge(account)),
            (Some(RoleName::Origin), account) => Some(Role::Origin(account)),
            _ => None,
        };
        let wrong = Misconfigured {
            errors: reader.errors,
            role: role.unwrap_or(RoleName::Both),
            homeserver: homeserver.clone(),
            edge: edge.clone(),
        };
        let config = (|| {
            Some(Self {
                role: role_with_account?,
                homeserver: homeserver?,
                server_name: server_name?,
                edge: edge?,
                grant_ttl_secs: grant_ttl_secs?,
                redirect_min_bytes: redirect_min_bytes?,
                redirect_max_bytes: redirect_max_bytes?,
                plain_redirect: plain_redirect?,
                encrypted_media: encrypted_media?,
                cache_max_bytes: cache_max_bytes?,
                cache_ttl_secs: cache_ttl_secs?,
                unauthenticated: unauthenticated?,
                remote_policy: remote_policy?,
                remote_policy_times: CacheTimes::from_secs(remote_policy_ttl_secs?),
                allow_private_network: allow_private_network?,
            })
        })();
        match config {
            Some(config) if wrong.errors.is_empty() => Ok(config),
            _ => Err(wrong),
        }
    }

    /// This configuration, which `error` makes unusable.
    #[must_use]
    pub fn misconfigured(self, error: ConfigError) -> Misconfigured {
        let role = self.role.name();
        Misconfigured { errors: vec![error], role, homeserver: Some(self.homeserver), edge: Some(self.edge) }
    }

    /// The rules for every target that is found by discovery: never our own hosts.
    pub fn target_rules(&self) -> TargetRules {
        let own = [self.server_name.host(), self.homeserver.host(), self.edge.host()];
        TargetRules::new(own, self.allow_private_network)
    }

    /// Checks the host (`host[:port]`) of a request to the origin: the homeserver must not
    /// be reached through the very host that we stand in front of, and the edge must not live at or
    /// under it, or browsers and Go clients would send it access tokens.
    pub fn check_host(&self, request_host: &str) -> Result<(), ConfigError> {
        let refuse = |variable, was: &WebOrigin, expected| {
            Err(ConfigError { variable, was: Some(was.as_str().to_owned()), expected })
        };
        if self.homeserver.authority() == request_host {
            let expected = "on another host than the one that clients use, or requests would loop";
            return refuse("HOMESERVER_URL", &self.homeserver, expected);
        }
        let (edge, host) = (self.edge.host(), split_authority(request_host).0);
        let under = edge.strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if under {
            let expected = "on a host that is neither the one that clients use nor a subdomain of it";
            return refuse("EDGE_URL", &self.edge, expected);
        }
        Ok(())
    }
}

struct Reader<F> {
    variable: F,
    errors: Vec<ConfigError>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn refuse(&mut self, variable: &'static str, was: &str, expected: &'static str) {
        // A URL with a user or a query may hold a password.
        let was = (!was.contains(['@', '?'])).then(|| was.to_owned());
        self.errors.push(ConfigError { variable, was, expected });
    }

    fn required<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let was = (self.variable)(name).unwrap_or_default();
        let value = parse(&was);
        if value.is_none() {
            self.refuse(name, &was, expected);
        }
        value
    }

    fn word<T>(
        &mut self,
        name: &'static str,
        default: &str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let was = (self.variable)(name).unwrap_or_else(|| default.to_owned());
        let value = parse(&was);
        if value.is_none() {
            self.refuse(name, &was, expected);
        }
        value
    }

    fn switch(&mut self, name: &'static str) -> Option<bool> {
        self.word(name, "off", "'on' or 'off'", |word| match word {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        })
    }

    fn number(&mut self, name: &'static str, default: u64, min: u64, max: u64) -> Option<u64> {
        let Some(was) = (self.variable)(name) else { return Some(default) };
        let value = decimal(&was).filter(|value| (min..=max).contains(value));
        if value.is_none() {
            let expected = match name {
                "GRANT_TTL_SECS" => "a whole number of seconds from 10 to 86400",
                "REMOTE_POLICY_TTL_SECS" => "a whole number of seconds from 1 to 86400",
                "CACHE_TTL_SECS" => "a whole number of seconds from 1 to 31536000",
                "REDIRECT_MAX_BYTES" => "a whole number of bytes up to 68719476735",
                "CACHE_MAX_BYTES" => "a whole number of bytes up to 512000000",
                _ => "a whole number of bytes",
            };
            self.refuse(name, &was, expected);
        }
        value
    }

    /// The one secret: its value is never part of an error.
    fn homeserver_token(&mut self, required: bool) -> Option<AccessToken> {
        let name = "HOMESERVER_TOKEN";
        let text = (self.variable)(name).unwrap_or_default();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        let token = AccessToken::new(text).filter(|_| printable);
        if (required && token.is_none()) || !printable {
            let expected = "set as a secret, to the access token of a service account on the homeserver: \
                            printable ASCII, not an admin's, without expiry";
            self.errors.push(ConfigError { variable: name, was: None, expected });
        }
        token
    }
}

#[cfg(test)]
mod tests;
