# Answers under pruning: a job is (model, benchmark, shard), all strategies, layers and keeps in it.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…, information/… (where the oracle is swept)
# OUTPUTS: sweep/{model}/{benchmark}/part-{shard}.arrow


rule sweep_strategies:
    input:
        unpack(pruning_inputs(STRATEGIES)),
    output:
        f"{RESULTS}/sweep/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/sweep_strategies/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/sweep_strategies/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=minutes(480),
    params:
        settings=lambda wildcards: {
            **pruning_settings(STRATEGIES)(wildcards),
            "positions": config["sweep"]["positions"],
        },
        protocol=protocol,
        cells=lambda wildcards: {
            "strategies": STRATEGIES,
            "layers": sweep_layers(wildcards),
            "keep": config["sweep"]["keep"],
            "repeats": config["sweep"]["repeats"],
            "limit": config["sweep"].get("limit"),
            "shards": config["shards"],
        },
        code=pruning_code("sweep_strategies", STRATEGIES),
        scoring=scoring,
    message:
        "Sweep of {wildcards.model} on {wildcards.benchmark}, part {wildcards.shard}"
    script:
        "../scripts/sweep_strategies.py"
