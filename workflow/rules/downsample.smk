# Answers with the image at lower resolution and nothing pruned.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow and .images.arrow, models/{model}.json, vision/… (grids)
# OUTPUTS: downsample/{model}/{benchmark}/part-{shard}.arrow


rule answer_downsampled:
    input:
        unpack(asked_and_images),
    output:
        f"{RESULTS}/downsample/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/answer_downsampled/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/answer_downsampled/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=minutes(240),
    params:
        settings=downsample_settings,
        protocol=protocol,
        cells={
            "keep": DOWNSAMPLED,
            "limit": config["answers"].get("limit"),
            "shards": config["shards"],
        },
        code=model_code("answer_downsampled"),
        scoring=scoring,
    message:
        "Answers of {wildcards.model} on smaller images of {wildcards.benchmark}, part {wildcards.shard}"
    script:
        "../scripts/answer_downsampled.py"
