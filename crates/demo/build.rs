//! Embeds the mesh anew when a file of it comes or goes; changes within files the compiler sees by itself.

fn main() {
    println!("cargo::rerun-if-changed=../../assets/demo");
}
