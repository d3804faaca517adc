# The pipeline with everything that it runs on, CUDA included; studies are run in the folder where you are.
#     docker build -t infohorizon .
#     docker run --rm --gpus all -v "$PWD:/study" infohorizon --cores 4 --configfile mine.yaml
# or: apptainer build infohorizon.sif docker-daemon://infohorizon:latest
#     apptainer run --nv infohorizon.sif --cores 4 --configfile mine.yaml
FROM python:3.11-slim

WORKDIR /infohorizon
COPY envs envs
RUN pip install --no-cache-dir --disable-pip-version-check \
    -c envs/constraints.txt -r envs/requirements.txt -r envs/requirements-pipeline.txt
COPY . .

WORKDIR /study
ENTRYPOINT ["snakemake", "--snakefile", "/infohorizon/Snakefile"]
