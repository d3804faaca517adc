# Models: where each one is, which revision, how deep. Hub models are downloaded here, on the submit host.
# REQUIRED INPUTS: none
# OUTPUTS: models/{model}.json


localrules:
    fetch_model,


rule fetch_model:
    input:
        ancient(weights),
    output:
        f"{RESULTS}/models/{{model}}.json",
    log:
        f"{RESULTS}/logs/fetch_model/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/fetch_model/{{model}}.tsv"
    retries: 2
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: {
            key: value
            for key, value in model_settings(wildcards).items()
            if key in ("source", "revision")
        },
        weights=lambda wildcards: content(weights(wildcards)),
        code=code("fetch_model"),
    message:
        "Weights of {wildcards.model}"
    script:
        "../scripts/fetch_model.py"
