//! The `narrows` program.

fn main() -> std::process::ExitCode {
    narrows::cli::main()
}
