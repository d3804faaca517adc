# The vision tower on each image, once per model, however many questions it has.
# REQUIRED INPUTS: benchmarks/{benchmark}.images.arrow, models/{model}.json, checks/…
# OUTPUTS: vision/{model}/{benchmark}/part-{shard}.arrow


rule encode_images:
    input:
        images=f"{RESULTS}/benchmarks/{{benchmark}}.images.arrow",
        model=f"{RESULTS}/models/{{model}}.json",
        checked=f"{RESULTS}/checks/{{model}}/{{benchmark}}.txt",
    output:
        f"{RESULTS}/vision/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/encode_images/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/encode_images/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=minutes(120),
    params:
        settings=lambda wildcards: {"model": seen(wildcards)},
        protocol=protocol,
        cells={"shards": config["shards"]},
        code=model_code("encode_images"),
    message:
        "Vision encoding of {wildcards.benchmark} by {wildcards.model}, part {wildcards.shard}"
    script:
        "../scripts/encode_images.py"
