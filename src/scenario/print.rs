//! stub until the notation is merged
use super::model::*;
pub fn expect(_: &Expect) -> String {
    String::new()
}
pub fn pattern(_: &Pattern) -> String {
    String::new()
}
pub fn arm_pattern(_: &ArmPattern) -> String {
    String::new()
}
pub fn receive(_: &Receive) -> String {
    String::new()
}
pub fn disk_check(_: &DiskCheck) -> String {
    String::new()
}
pub fn fact_check(_: &FactCheck) -> String {
    String::new()
}
