# One horizon, several removals: what is left of the answer when all visual information is taken away, per layer and way.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…
# OUTPUTS: removals/{model}/{benchmark}/part-{shard}.arrow


rule measure_removals:
    input:
        unpack(asked),
    output:
        f"{RESULTS}/removals/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/measure_removals/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/measure_removals/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=minutes(480),
    params:
        settings=lambda wildcards: {"model": model_numbers(wildcards)},
        protocol=protocol,
        cells=lambda wildcards: {
            "names": REMOVALS,
            "layers": layers("removals", wildcards),
            "limit": config["removals"].get("limit"),
            "floor_questions": config["information"]["floor_questions"],
            "shards": config["shards"],
        },
        code=model_code("measure_removals"),
        scoring=scoring,
    message:
        "Removals of {wildcards.model} on {wildcards.benchmark}, part {wildcards.shard}"
    script:
        "../scripts/measure_removals.py"
