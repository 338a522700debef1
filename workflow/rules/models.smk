"""One network for each experiment, and the latents of all meshes."""

WATCHED = [*PLAN.split["train"], *PLAN.split["validation"]]


rule train:
    input:
        # Manifests say what changed; the stores they describe are read without a second look.
        hexplane_manifests=of(paths.HEXPLANE_MANIFEST, WATCHED),
        sdf_manifests=of(paths.SDF_MANIFEST, WATCHED),
        hexplanes=ancient(of(paths.HEXPLANE, PLAN.split["train"])),
        validation=ancient(of(paths.HEXPLANE, PLAN.split["validation"])),
        sdf=ancient(of(paths.SDF, WATCHED)),
    output:
        [f"{paths.MODEL}/{name}" for name in paths.MODEL_FILES],
        directory(f"{paths.MODEL}/tensorboard"),
        manifest=paths.MODEL_MANIFEST,
    log:
        "results/logs/train/{experiment}.log",
    benchmark:
        "results/benchmarks/train/{experiment}.tsv"
    # The longest jobs first: everything short fits beside them.
    priority: 10
    conda:
        LEARNING
    threads: 1
    params:
        spec=lambda w: spec_param(PLAN.train(w.experiment)),
        code=code_param("train"),
        folder=lambda w, output: os.path.dirname(output.manifest),
        sdf=lambda w, input: os.path.dirname(input.sdf[0]),
        state=paths.STATE,
        validation=lambda w, input: [
            f"--validation={store}" for store in input.validation
        ],
    message:
        "Training {wildcards.experiment}"
    shell:
        "OMP_NUM_THREADS={threads} python -m hexplane train {params.folder:q}"
        " {input.hexplanes:q} {params.validation:q} --sdf {params.sdf:q} --state {params.state:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule encode:
    input:
        model=paths.MODEL_MANIFEST,
        hexplane_manifest=paths.HEXPLANE_MANIFEST,
        hexplane=ancient(paths.HEXPLANE),
    output:
        store=directory(paths.LATENT),
        manifest=paths.LATENT_MANIFEST,
    log:
        "results/logs/encode/{experiment}/{mesh}.log",
    benchmark:
        "results/benchmarks/encode/{experiment}/{mesh}.tsv"
    conda:
        LEARNING
    params:
        code=code_param("encode"),
        folder=lambda w, input: os.path.dirname(input.model),
    message:
        "Encoding {wildcards.mesh} by {wildcards.experiment}"
    shell:
        "python -m hexplane encode {input.hexplane:q} {output.store:q}"
        " --model {params.folder:q} --code {params.code:q} 2>&1 | tee {log:q}"
