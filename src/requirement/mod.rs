//! The catalogue of what the RFCs demand of servers: ids, levels, where each comes from. Pure.
