//! Embeds the console anew when it was built anew: a new file in the folder changes nothing that the compiler looks at.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist");
}
