"""The formats the simulator speaks: what each reads and writes; the behaviour behind them is one."""
