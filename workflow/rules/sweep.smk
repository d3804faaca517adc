# Answers under pruning: a job is (model, benchmark, strategy or bracket of strategies, shard), all layers in it.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…, information/… (the oracle alone)
# OUTPUTS: sweep/{model}/{benchmark}/{strategies}/part-{shard}.arrow


rule sweep_strategies:
    input:
        unpack(sweep_inputs),
        own=lambda wildcards: strategy_files(bracket(wildcards)),
    output:
        f"{RESULTS}/sweep/{{model}}/{{benchmark}}/{{strategies}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/sweep_strategies/{{model}}/{{benchmark}}/{{strategies}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/sweep_strategies/{{model}}/{{benchmark}}/{{strategies}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=growing(480),
    params:
        configuration=lambda wildcards: {
            "model": model_settings(wildcards),
            "benchmark": config["benchmarks"][wildcards.benchmark],
            "sweep": sweep_settings(wildcards),
            "strategies": own_strategies(bracket(wildcards)),
            **oracle_settings(bracket(wildcards)),
            "shards": config["shards"],
            "batch_size": config["batch_size"],
            "seed": config["seed"],
        },
        code=lambda wildcards: code(
            "sweep_strategies", task_module(wildcards), *strategy_modules(bracket(wildcards))
        ),
    message:
        "Sweep of {wildcards.strategies} on {wildcards.benchmark} by {wildcards.model}, part {wildcards.shard}"
    script:
        "../scripts/sweep_strategies.py"
