//! gateway-capture
