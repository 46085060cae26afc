//! Gives the shared library its name: programs linked against it look for `libgateway_client.so.0`, so that a
//! library whose functions changed can have another name and stand beside it.

fn main() {
    // The number is the major half of `GATEWAY_ABI_VERSION`.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libgateway_client.so.0");
    println!("cargo:rerun-if-changed=build.rs");
}
