//! Real failures, made in network namespaces.
