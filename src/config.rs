//! The configuration: reads and checks the variables that an operator sets. The README lists them.
//!
//! The module is pure. It reads variables through a function: `platform` passes the Worker's environment, and
//! tests pass a table. It reports all wrong variables, not only the first.

use std::fmt;

use zeroize::Zeroizing;

use crate::cipher::KEYSTREAM_BYTES;
use crate::policy::{CacheTimes, RemotePolicy, TargetRules, Unauthenticated};
use crate::protocol::{
    AccessToken, ServerName, SessionMaster, SessionMasters, WebOrigin, decimal, split_authority,
};

/// The role of a deployment, with the service account that this role needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Origin and edge. The host of a request decides which of them serves it.
    Both(AccessToken),
    /// The origin only. It needs the service account only to advertise a policy.
    Origin(Option<AccessToken>),
    /// The edge only.
    Edge(AccessToken),
}

impl Role {
    /// Returns the role without its account.
    pub fn name(&self) -> RoleName {
        match self {
            Self::Both(_) => RoleName::Both,
            Self::Origin(_) => RoleName::Origin,
            Self::Edge(_) => RoleName::Edge,
        }
    }

    /// Returns the access token of the service account, `HOMESERVER_TOKEN`.
    pub fn service_account(&self) -> Option<&AccessToken> {
        match self {
            Self::Both(account) | Self::Edge(account) => Some(account),
            Self::Origin(account) => account.as_ref(),
        }
    }
}

/// A value of `ROLE`.
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
    /// Returns the value of the variable.
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

/// A value of `ENCRYPTED_MEDIA`: how to serve objects that the client declares to be ciphertext already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptedMedia {
    /// Encrypt them again, like all objects.
    Reencrypt,
    /// Serve them as stored.
    Verbatim,
}

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ROLE` and `HOMESERVER_TOKEN`.
    pub role: Role,
    /// `HOMESERVER_URL`.
    pub homeserver: WebOrigin,
    /// `SERVER_NAME`.
    pub server_name: ServerName,
    /// `EDGE_URL`.
    pub edge: WebOrigin,
    /// `GRANT_TTL_SECS`.
    pub grant_ttl_secs: u64,
    /// `REDIRECT_MIN_BYTES`.
    pub redirect_min_bytes: u64,
    /// `REDIRECT_MAX_BYTES`; by default the length of the longest object that a keystream can encrypt.
    pub redirect_max_bytes: u64,
    /// `PLAIN_REDIRECT`.
    pub plain_redirect: bool,
    /// `ENCRYPTED_MEDIA`.
    pub encrypted_media: EncryptedMedia,
    /// `SESSION_SECRET`, `SESSION_SECRET_PREVIOUS` and `SESSION_TTL_SECS`; `None` if the delivery `session` is not served.
    pub sessions: Option<Sessions>,
    /// `CACHE_MAX_BYTES`.
    pub cache_max_bytes: u64,
    /// `CACHE_TTL_SECS`.
    pub cache_ttl_secs: u64,
    /// `MEDIA_UNAUTHENTICATED`.
    pub unauthenticated: Unauthenticated,
    /// `REMOTE_POLICY`.
    pub remote_policy: RemotePolicy,
    /// `REMOTE_POLICY_TTL_SECS`, and a sixth of it if a remote homeserver did not answer.
    pub remote_policy_times: CacheTimes,
    /// `ALLOW_PRIVATE_NETWORK`.
    pub allow_private_network: bool,
}

/// How sessions are made.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// The secrets.
    pub masters: SessionMasters,
    /// How long a session lasts, in seconds.
    pub ttl_secs: u64,
}

/// A variable that is missing or has an invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The name of the variable.
    pub variable: &'static str,
    /// The invalid value; `None` if it is, or may contain, a secret.
    was: Option<String>,
    /// The values that are allowed.
    expected: &'static str,
}

impl ConfigError {
    /// Returns the error for a missing binding of the key store.
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

/// A wrong configuration: its errors, and the valid variables that are needed to serve everything but media.
#[derive(Clone, Debug)]
pub struct Misconfigured {
    /// All errors.
    pub errors: Vec<ConfigError>,
    /// `ROLE`; `both` if it is invalid.
    pub role: RoleName,
    /// `HOMESERVER_URL`, if it is valid.
    pub homeserver: Option<WebOrigin>,
    /// `EDGE_URL`, if it is valid.
    pub edge: Option<WebOrigin>,
}

/// The maximum of `CACHE_MAX_BYTES`: the Cache API does not accept larger objects (512 MB).
const CACHE_LIMIT_BYTES: u64 = 512 * 1_000_000;

/// The maximum and default of `REDIRECT_MAX_BYTES`: a keystream ends there.
pub const REDIRECT_LIMIT_BYTES: u64 = KEYSTREAM_BYTES - 1;

impl Config {
    /// Reads all variables. `variable` returns the value of a variable, or `None` if it is not set.
    ///
    /// # Errors
    /// All variables that are wrong.
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
        let sessions = reader.sessions();
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
                sessions: sessions.ok()?,
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

    /// Turns a valid configuration into a wrong one, because of `error`.
    #[must_use]
    pub fn misconfigured(self, error: ConfigError) -> Misconfigured {
        let role = self.role.name();
        Misconfigured { errors: vec![error], role, homeserver: Some(self.homeserver), edge: Some(self.edge) }
    }

    /// Returns the rules for the targets of lookups. They refuse our own hosts.
    pub fn target_rules(&self) -> TargetRules {
        let own = [self.server_name.host(), self.homeserver.host(), self.edge.host()];
        TargetRules::new(own, self.allow_private_network)
    }

    /// Checks the configuration against the host of a request to the origin, `host[:port]`.
    ///
    /// # Errors
    /// `HOMESERVER_URL` if it is this host, because our own requests would come back to us. `EDGE_URL` if it
    /// is this host or a name under it, because browsers and Go clients would send access tokens to the edge.
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

/// A variable is wrong; the reader has the error.
struct Refused;

struct Reader<F> {
    variable: F,
    errors: Vec<ConfigError>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn refuse(&mut self, variable: &'static str, was: &str, expected: &'static str) {
        // A URL with a user name or a query may contain a password.
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
                "SESSION_TTL_SECS" => "a whole number of seconds from 60 to 604800",
                "CACHE_TTL_SECS" => "a whole number of seconds from 1 to 31536000",
                "REDIRECT_MAX_BYTES" => "a whole number of bytes up to 68719476735",
                "CACHE_MAX_BYTES" => "a whole number of bytes up to 512000000",
                _ => "a whole number of bytes",
            };
            self.refuse(name, &was, expected);
        }
        value
    }

    /// Reads the only secret. Its value is never part of an error.
    fn homeserver_token(&mut self, required: bool) -> Option<AccessToken> {
        let name = "HOMESERVER_TOKEN";
        let text = (self.variable)(name).unwrap_or_default();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        let token = AccessToken::new(text).filter(|_| printable);
        if (required && token.is_none()) || !printable {
            let expected = "set as a secret, to the access token of a service account on the homeserver: \
                            printable ASCII, not an admin's, without expiry";
            self.refuse_secret(name, expected);
        }
        token
    }

    /// Reads a secret of the delivery `session`, if it is set.
    fn session_master(&mut self, name: &'static str) -> Result<Option<SessionMaster>, Refused> {
        let Some(text) = (self.variable)(name).map(Zeroizing::new) else { return Ok(None) };
        let expected = "set as a secret to 64 hexadecimal digits: openssl rand -hex 32";
        SessionMaster::from_hex(&text).map(Some).ok_or_else(|| self.refuse_secret(name, expected))
    }

    /// Reads how sessions are made, if the delivery `session` is served.
    fn sessions(&mut self) -> Result<Option<Sessions>, Refused> {
        let ttl_secs = self.number("SESSION_TTL_SECS", 86_400, 60, 7 * 86_400);
        let present = self.session_master("SESSION_SECRET");
        let name = "SESSION_SECRET_PREVIOUS";
        let previous = self.session_master(name);
        let (present, previous) = (present?, previous?);
        if previous.is_some() && present.is_none() {
            return Err(self.refuse_secret(name, "absent as long as SESSION_SECRET is not set"));
        }
        if previous.is_some() && previous == present {
            let expected = "the secret that was used before, not the same as SESSION_SECRET";
            return Err(self.refuse_secret(name, expected));
        }
        let ttl_secs = ttl_secs.ok_or(Refused)?;
        Ok(present.map(|present| Sessions { masters: SessionMasters { present, previous }, ttl_secs }))
    }

    fn refuse_secret(&mut self, variable: &'static str, expected: &'static str) -> Refused {
        self.errors.push(ConfigError { variable, was: None, expected });
        Refused
    }
}

#[cfg(test)]
mod tests;
