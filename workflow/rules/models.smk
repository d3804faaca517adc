# Models: where each one is, which revision, how deep. Hub models are downloaded here, on the submit host.
# REQUIRED INPUTS: none
# OUTPUTS: models/{model}.json


localrules:
    model,


rule model:
    input:
        model_files,
    output:
        f"{RESULTS}/models/{{model}}.json",
    log:
        f"{RESULTS}/logs/model/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/model/{{model}}.tsv"
    retries: 2
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        configuration=lambda wildcards: {
            key: value
            for key, value in model_settings(wildcards).items()
            if key in ("source", "revision")
        },
        code=code("model"),
    message:
        "Weights of {wildcards.model}"
    script:
        "../scripts/model.py"
