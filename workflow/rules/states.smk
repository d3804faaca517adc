# Matrix entropy of the visual states entering each layer, from the unpruned pass alone.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…
# OUTPUTS: states/{model}/{benchmark}/part-{shard}.arrow


rule measure_states:
    input:
        unpack(asked),
    output:
        f"{RESULTS}/states/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/measure_states/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/measure_states/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=minutes(120),
    params:
        settings=lambda wildcards: {"model": model_numbers(wildcards)},
        protocol=protocol,
        cells=lambda wildcards: {
            "layers": layers("states", wildcards),
            "limit": config["states"].get("limit"),
            "shards": config["shards"],
        },
        code=model_code("measure_states"),
    message:
        "Visual states of {wildcards.model} on {wildcards.benchmark}, part {wildcards.shard}"
    script:
        "../scripts/measure_states.py"
