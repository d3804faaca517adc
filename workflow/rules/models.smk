# Models: where each one is, which revision, how deep. Hub models are downloaded here, on the submit host.
# REQUIRED INPUTS: none
# OUTPUTS: models/{model}.json


localrules:
    model,


def model_files(wildcards):
    source = model_settings(wildcards)["source"]
    if not configuration.is_local(source):
        return []
    folder = Path(source).expanduser()
    return sorted(
        str(path) for path in folder.glob("*") if path.suffix in {".json", ".safetensors"}
    )


rule model:
    input:
        model_files,
    output:
        f"{RESULTS}/models/{{model}}.json",
    log:
        f"{RESULTS}/logs/model/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/model/{{model}}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    retries: 2
    params:
        configuration=lambda wildcards: {
            key: value
            for key, value in model_settings(wildcards).items()
            if key in ("source", "revision")
        },
        code=code("model"),
    conda:
        CPU_ENV
    message:
        "Weights of {wildcards.model}"
    script:
        "../scripts/model.py"
