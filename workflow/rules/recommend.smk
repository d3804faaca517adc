# The pruning schedule that loses least under a budget, from a finished sweep: `snakemake recommend`; not part of `all`.
# REQUIRED INPUTS: benchmarks/…, models/…, vision/…, answers/…, sweep/… of the run, and the benchmarks' images
# OUTPUTS: recommend/{model}/: candidates.json, chosen.json, recommendation.arrow, recommendation.md, figure, and
# schedule-{budget}.json for each budget; recommend/{split}/{schedules,downsample}/{model}/{benchmark}/part-{shard}.arrow

TRIED = configuration.tried_strategies(config)


wildcard_constraints:
    split=names(sharding.SPLITS),


rule search_schedules:
    input:
        unpack(searched),
    output:
        f"{RESULTS}/recommend/{{model}}/candidates.json",
    log:
        f"{RESULTS}/logs/search_schedules/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/search_schedules/{{model}}.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=minutes(60),
    params:
        settings=lambda wildcards: {
            **RECOMMEND,
            "schedules": competitors(wildcards),
            "strategies": configuration.recommendable(config),
            "positions": config["sweep"]["positions"],
            "seed": config["seed"],
        },
        code=code("search_schedules"),
    message:
        "Searching for the schedules of {wildcards.model}"
    script:
        "../scripts/search_schedules.py"


rule try_schedules:
    input:
        unpack(tried),
    output:
        f"{RESULTS}/recommend/{{split}}/schedules/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/try_schedules/{{split}}/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/try_schedules/{{split}}/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=minutes(480),
    params:
        settings=pruning_settings(TRIED),
        protocol=protocol,
        cells={
            "repeats": config["sweep"]["repeats"],
            "answered": config["answers"].get("limit"),
            "limit": RECOMMEND["limit"],
            "shards": config["shards"],
        },
        code=pruning_code("try_schedules", TRIED),
        scoring=scoring,
    message:
        "Trying schedules on {wildcards.benchmark} by {wildcards.model} ({wildcards.split}), part {wildcards.shard}"
    script:
        "../scripts/try_schedules.py"


rule try_downsampled:
    input:
        unpack(asked_and_images),
        candidates=rules.search_schedules.output[0],
    output:
        f"{RESULTS}/recommend/{{split}}/downsample/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/try_downsampled/{{split}}/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/try_downsampled/{{split}}/{{model}}/{{benchmark}}/{{shard}}.tsv"
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
            "answered": config["answers"].get("limit"),
            "limit": RECOMMEND["limit"],
            "seed": config["seed"],
            "shards": config["shards"],
        },
        code=model_code("try_downsampled"),
        scoring=scoring,
    message:
        "Trying smaller images on {wildcards.benchmark} by {wildcards.model} ({wildcards.split}), part {wildcards.shard}"
    script:
        "../scripts/try_downsampled.py"


rule choose_schedules:
    input:
        unpack(
            lambda wildcards: of_model(
                wildcards, "recommend/search/schedules", "recommend/search/downsample"
            )
        ),
        candidates=rules.search_schedules.output[0],
    output:
        f"{RESULTS}/recommend/{{model}}/chosen.json",
    log:
        f"{RESULTS}/logs/choose_schedules/{{model}}.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=minutes(60),
    params:
        settings={"loss": RECOMMEND["loss"]},
        code=code("choose_schedules"),
    message:
        "Choosing the schedules of {wildcards.model}"
    script:
        "../scripts/choose_schedules.py"


rule recommend_schedules:
    input:
        unpack(lambda wildcards: of_model(wildcards)),
        search=lambda wildcards: of_all(wildcards, "recommend/search/schedules"),
        search_smaller=lambda wildcards: of_all(wildcards, "recommend/search/downsample"),
        held_out=lambda wildcards: of_all(wildcards, "recommend/held-out/schedules"),
        held_out_smaller=lambda wildcards: of_all(wildcards, "recommend/held-out/downsample"),
        candidates=rules.search_schedules.output[0],
        chosen=rules.choose_schedules.output[0],
    output:
        table=f"{RESULTS}/recommend/{{model}}/recommendation.arrow",
        page=f"{RESULTS}/recommend/{{model}}/recommendation.md",
        svg=f"{RESULTS}/recommend/{{model}}/recommendation.svg",
        png=f"{RESULTS}/recommend/{{model}}/recommendation.png",
        schedules=[
            f"{RESULTS}/recommend/{{model}}/schedule-{budget:g}.json"
            for budget in RECOMMEND["budgets"]
        ],
    log:
        f"{RESULTS}/logs/recommend_schedules/{{model}}.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=minutes(60),
    params:
        settings={
            **{key: RECOMMEND[key] for key in ("unit", "budgets", "loss")},
            "confidence": config["horizon"]["confidence"],
            "resamples": config["horizon"]["resamples"],
            "seed": config["seed"],
            "strategies": {n: v for n, v in config["strategies"].items() if n in TRIED},
        },
        code=code("recommend_schedules"),
    message:
        "The recommendation for {wildcards.model}"
    script:
        "../scripts/recommend_schedules.py"


rule recommend:
    input:
        expand(f"{RESULTS}/recommend/{{model}}/recommendation.arrow", model=MODELS),
