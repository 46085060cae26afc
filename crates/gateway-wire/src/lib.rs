//! gateway-wire
