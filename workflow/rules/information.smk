# Token information: the label's probability with one window of visual tokens left, per layer and window.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…
# OUTPUTS: information/{model}/{benchmark}/part-{shard}.arrow


rule measure_information:
    input:
        unpack(asked),
    output:
        f"{RESULTS}/information/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/measure_information/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/measure_information/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=minutes(480),
    params:
        settings=lambda wildcards: {
            "model": model_numbers(wildcards),
            "information": {
                key: config["information"][key]
                for key in ("window", "removal", "context", "positions")
            },
        },
        protocol=protocol,
        cells=lambda wildcards: {
            "layers": layers("information", wildcards),
            "windows": config["information"]["windows"],
            "limit": config["information"].get("limit"),
            "floor_questions": config["information"]["floor_questions"],
            "shards": config["shards"],
        },
        code=model_code("measure_information"),
    message:
        "Token information of {wildcards.model} on {wildcards.benchmark}, part {wildcards.shard}"
    script:
        "../scripts/measure_information.py"
