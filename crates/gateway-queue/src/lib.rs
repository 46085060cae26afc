//! gateway-queue
