//! The status page: one file with everything in it, and rules for the browser that it asks nobody else.

use std::hash::{BuildHasher, RandomState};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

/// The page. `NONCE` stands where script and style say that they are its own.
const PAGE: &str = include_str!("status.html");

/// The page with its headers.
pub(super) async fn page() -> Response {
    let nonce = nonce();
    (headers(&nonce), Html(PAGE.replace("NONCE", &nonce))).into_response()
}

/// What no earlier page had, from keys that the system drew at random for this thread. All that is in the page is ours, so
/// nobody has to be kept from guessing it.
fn nonce() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}

fn headers(nonce: &str) -> HeaderMap {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut headers = common();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers
}

/// What every answer for people says.
pub(super) fn common() -> HeaderMap {
    let same_origin = HeaderName::from_static("cross-origin-resource-policy");
    [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (same_origin, "same-origin"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole_by_itself_and_inserts_text_only() {
        // A URL elsewhere, a way to make markup out of text, or something that loads.
        for forbidden in [
            "http:",
            "https:",
            "//cdn",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "src=",
            "@import",
            "url(",
            "import ",
            "fetch(",
        ] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
        assert_eq!(PAGE.matches("nonce=\"NONCE\"").count(), 2);
        assert_eq!(PAGE.matches("NONCE").count(), 2);
    }

    #[test]
    fn every_page_has_a_nonce_of_its_own() {
        let policy = || headers(&nonce())[header::CONTENT_SECURITY_POLICY].clone();
        assert_ne!(policy(), policy());
    }
}
