//! By which name the server is asked for.
//!
//! A server on the loopback interface is protected by that alone. A page from elsewhere whose own name its owner lets lead
//! to the loopback address (DNS rebinding) would be of one origin with it and could read all answers. Its requests name
//! that host; those of people and scrapers name an address, or `localhost`.

use std::net::IpAddr;

use axum::Extension;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Client;

/// Goes on with `request` where it names this server as one on loopback may be named.
pub(super) async fn check(
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let named = request.headers().get(header::HOST);
    // A browser always says it.
    let foreign = named.is_some_and(|host| !host.to_str().is_ok_and(is_of_this_machine));
    if client.on_loopback && foreign {
        let text = "the metrics server listens on the loopback interface: ask for it as localhost or by its address\n";
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    next.run(request).await
}

fn is_of_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_of_this_machine_and_no_other_name_is() {
        for host in [
            "localhost",
            "LocalHost:9464",
            "127.0.0.1:9464",
            "127.0.0.1",
            "[::1]:9464",
            "10.1.2.3:80",
        ] {
            assert!(is_of_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9464",
            "user@evil.example",
            "a b",
        ] {
            assert!(!is_of_this_machine(host), "{host}");
        }
    }
}
