# Answers under pruning: a job is (model, benchmark, strategy, shard), all layers, keeps and repeats in it.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…, information/… (the oracle alone)
# OUTPUTS: sweep/{model}/{benchmark}/{strategy}/part-{shard}.arrow


rule sweep:
    input:
        unpack(sweep_inputs),
        own=lambda wildcards: strategy_files([wildcards.strategy]),
    output:
        f"{RESULTS}/sweep/{{model}}/{{benchmark}}/{{strategy}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/sweep/{{model}}/{{benchmark}}/{{strategy}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/sweep/{{model}}/{{benchmark}}/{{strategy}}/{{shard}}.tsv"
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
            "strategies": {
                name: value
                for name, value in config["strategies"].items()
                if name == wildcards.strategy
            },
            "window": config["information"]["window"],
            "shards": config["shards"],
            "batch_size": config["batch_size"],
            "seed": config["seed"],
        },
        code=lambda wildcards: code(
            "sweep", task_module(wildcards), *strategy_modules([wildcards.strategy])
        ),
    message:
        "Sweep of {wildcards.strategy} on {wildcards.benchmark} by {wildcards.model}, part {wildcards.shard}"
    script:
        "../scripts/sweep.py"
