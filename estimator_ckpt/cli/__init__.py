"""The command `estimator-ckpt`: one module per subcommand, and `shell`, which runs them."""
