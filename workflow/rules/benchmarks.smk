# Data sets → questions and images, one pair of tables per benchmark.
# REQUIRED INPUTS: none (a hub data set is downloaded; local and rendered ones are read)
# OUTPUTS: benchmarks/{benchmark}.arrow, benchmarks/{benchmark}.images.arrow


localrules:
    benchmark,


def data_files(wildcards):
    """Files of a local data set; the hub's have none before the download."""
    settings = config["benchmarks"][wildcards.benchmark]
    if settings["source"] == "rendered":
        return f"{RESULTS}/rendered/{settings['task']}"
    path = Path(settings["source"]).expanduser()
    if not configuration.is_local(settings["source"]):
        return []
    return sorted(map(str, path.rglob("*.*"))) if path.is_dir() else str(path)


def data_settings(wildcards):
    """The benchmark's entry of config.yaml, with the folder in place of `rendered`."""
    settings = dict(config["benchmarks"][wildcards.benchmark])
    if settings["source"] == "rendered":
        settings["source"] = f"{RESULTS}/rendered/{settings['task']}"
    return settings


rule benchmark:
    input:
        data_files,
    output:
        questions=f"{RESULTS}/benchmarks/{{benchmark}}.arrow",
        images=f"{RESULTS}/benchmarks/{{benchmark}}.images.arrow",
    log:
        f"{RESULTS}/logs/benchmark/{{benchmark}}.log",
    benchmark:
        f"{RESULTS}/timings/benchmark/{{benchmark}}.tsv"
    threads: 1
    resources:
        mem_mb=growing(4000),
    retries: 2
    params:
        configuration=data_settings,
        code=lambda wildcards: code("benchmark", task_module(wildcards)),
    conda:
        CPU_ENV
    message:
        "Questions and images of {wildcards.benchmark}"
    script:
        "../scripts/benchmark.py"
