//! Accept bytes from sources, authenticate and bound them, put them on the log
