//! Connections: directly to the local machine, and through the environment's proxy to all other hosts.
//!
//! Plain http to the local machine is secure, and carries the access token, because nobody else can read it.
//! This is true only if the request never leaves the machine. So it never goes to a proxy, and `localhost` is
//! never resolved by DNS.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use cloakroom::client::Party;
use cloakroom::protocol::WebOrigin;
use http::{HeaderMap, Method, StatusCode, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};

use super::failure::{Failure, root_cause};

/// The time limit for name resolution, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The HTTP clients. They do not follow redirects.
#[derive(Clone)]
pub struct Network {
    /// The client for the local machine. It uses no proxy.
    local: Client,
    /// The client for all other hosts. It uses the environment's proxy, if there is one.
    remote: Client,
    /// The rules by which `remote` chooses a proxy. They tell us the proxy for error messages.
    proxies: std::sync::Arc<Matcher>,
    stall: Duration,
}

impl Network {
    /// Sets up TLS and reads the proxies from the environment.
    pub fn new(stall: Duration) -> Result<Self, Failure> {
        // Port 0 means the port of the URL.
        let loopback =
            [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        let local = client(Client::builder().no_proxy().resolve_to_addrs("localhost", &loopback), stall)?;
        let remote = client(Client::builder(), stall)?;
        Ok(Self { local, remote, proxies: Matcher::from_system().into(), stall })
    }

    /// Sends a request without a body. Returns the response before its body has arrived.
    ///
    /// # Errors
    /// The party or the proxy cannot be reached or stops sending, or the proxy sends an error.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        party: &Party,
    ) -> Result<Response, Failure> {
        let origin = WebOrigin::of(url);
        let client =
            if origin.as_ref().is_some_and(WebOrigin::is_loopback) { &self.local } else { &self.remote };
        let proxy = origin.as_ref().and_then(|origin| self.proxy_to(origin));
        if let Some(proxy) = proxy.as_ref().filter(|proxy| !proxy.name.starts_with("http")) {
            return Err(proxy.failure(party, "only http and https proxies are supported".to_owned()));
        }
        let sent = client.request(method, url).headers(headers).send().await;
        let response = sent.map_err(|error| match &proxy {
            Some(proxy) if !error.is_timeout() || error.is_connect() => {
                proxy.failure(party, explained(root_cause(&error)))
            }
            _ => self.failure(&error, party),
        })?;
        match proxy {
            // Without TLS, a proxy's error cannot be distinguished from a server's.
            Some(proxy) if !proxy.is_tunnel && is_proxy_error(response.status()) => {
                Err(proxy.failure(party, format!("it returned {}", response.status().as_u16())))
            }
            _ => Ok(response),
        }
    }

    /// Returns the failure of a request or of its body.
    pub fn failure(&self, error: &reqwest::Error, party: &Party) -> Failure {
        Failure::network(error, party, self.stall.as_secs())
    }

    fn proxy_to(&self, origin: &WebOrigin) -> Option<Proxy> {
        let uri = origin.as_str().parse::<Uri>().ok().filter(|_| !origin.is_loopback())?;
        let proxy = self.proxies.intercept(&uri)?;
        // Built from its parts, so that it cannot contain a user name and a password.
        let (scheme, host) = (proxy.uri().scheme_str()?, proxy.uri().host()?);
        let port = proxy.uri().port_u16().map_or_else(String::new, |port| format!(":{port}"));
        Some(Proxy { name: format!("{scheme}://{host}{port}"), is_tunnel: origin.is_https() })
    }
}

/// The proxy that a request goes through.
struct Proxy {
    /// The proxy's URL without credentials: `http://proxy.example:3128`.
    name: String,
    /// Whether the proxy only forwards TLS, so that every response is the server's.
    is_tunnel: bool,
}

impl Proxy {
    fn failure(&self, party: &Party, cause: String) -> Failure {
        Failure::Proxy { party: party.clone(), proxy: self.name.clone(), cause }
    }
}

fn is_proxy_error(status: StatusCode) -> bool {
    status == StatusCode::PROXY_AUTHENTICATION_REQUIRED || status.is_server_error()
}

/// Rephrases the two common refusals of a tunnel.
fn explained(cause: String) -> String {
    match cause.strip_prefix("tunnel error: ") {
        Some("proxy authorization required") => "the proxy asks for a user name and password".to_owned(),
        Some("unsuccessful") => "the proxy did not open a connection".to_owned(),
        _ => cause,
    }
}

fn client(builder: ClientBuilder, stall: Duration) -> Result<Client, Failure> {
    builder
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(stall)
        .user_agent(concat!("cloakroom/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Failure::local("cannot set up TLS", std::io::Error::other(root_cause(&error))))
}
