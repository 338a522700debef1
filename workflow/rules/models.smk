"""One network for each run of an experiment, its diagnostics, and the latents of meshes."""


rule train:
    input:
        # Manifests say what changed; the stores they describe are read without a second look.
        hexplane_manifests=watched(paths.HEXPLANE_MANIFEST),
        sdf_manifests=watched(paths.SDF_MANIFEST),
        hexplanes=ancient(trained_on(paths.HEXPLANE)),
        validation=ancient(of(paths.HEXPLANE, PLAN.watched)),
        sdf=ancient(watched(paths.SDF)),
    output:
        [f"{paths.MODEL}/{name}" for name in paths.MODEL_FILES],
        directory(f"{paths.MODEL}/tensorboard"),
        manifest=paths.MODEL_MANIFEST,
    log:
        "results/logs/train/{run}.log",
    benchmark:
        "results/benchmarks/train/{run}.tsv"
    # The longest jobs first: everything short fits beside them.
    priority: 10
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
    params:
        spec=lambda w: spec_param(PLAN.train(w.run)),
        code=code_param("train"),
        folder=lambda w, output: os.path.dirname(output.manifest),
        sdf=lambda w, input: os.path.dirname(input.sdf[0]),
        state=paths.STATE,
        validation=lambda w, input: [
            f"--validation={store}" for store in input.validation
        ],
    message:
        "Training {wildcards.run}"
    # Devices change no result: they are no parameter, and retrain nothing.
    shell:
        "OMP_NUM_THREADS={threads} python -m hexplane train {params.folder:q}"
        " {input.hexplanes:q} {params.validation:q} --sdf {params.sdf:q} --state {params.state:q}"
        " --devices {resources.gpu}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule diagnose:
    input:
        model=paths.MODEL_MANIFEST,
        hexplane_manifests=diagnosed(paths.HEXPLANE_MANIFEST, inputs=True),
        sdf_manifests=diagnosed(paths.SDF_MANIFEST),
        hexplanes=ancient(diagnosed(paths.HEXPLANE, inputs=True)),
        sdf=ancient(diagnosed(paths.SDF)),
        meshes=diagnosed(paths.MESH),
    output:
        paths.DIAGNOSTICS,
    log:
        "results/logs/diagnose/{run}.log",
    benchmark:
        "results/benchmarks/diagnose/{run}.tsv"
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        spec=lambda w: spec_param(PLAN.diagnose(w.run)),
        code=code_param("diagnose"),
        folder=lambda w, input: os.path.dirname(input.model),
        hexplanes=lambda w, input: os.path.dirname(input.hexplanes[0]),
        sdf=lambda w, input: os.path.dirname(input.sdf[0]),
        meshes=lambda w, input: os.path.dirname(input.meshes[0]),
    message:
        "Diagnosing {wildcards.run}"
    shell:
        "OMP_NUM_THREADS={threads} python -m hexplane diagnose {params.folder:q} {output:q}"
        " --hexplanes {params.hexplanes:q} --sdf {params.sdf:q} --meshes {params.meshes:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule encode:
    input:
        model=FIRST_MODEL,
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
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_param("encode"),
        folder=lambda w, input: os.path.dirname(input.model),
    message:
        "Encoding {wildcards.mesh} by {wildcards.experiment}"
    shell:
        "python -m hexplane encode {input.hexplane:q} {output.store:q}"
        " --model {params.folder:q} --code {params.code:q} 2>&1 | tee {log:q}"
