//! Group findings into incidents that people decide
