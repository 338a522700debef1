"""One codec for each run of an arm, its diagnostics, and the latents of meshes."""


rule train:
    input:
        # Manifests say what changed; the stores they describe are read without a second look.
        hexplane_manifests=trained_on(paths.hexplane_manifest),
        distance_manifests=trained_by_steps_on(paths.distance_manifest),
        hexplanes=ancient(trained_on(paths.hexplane)),
        distances=ancient(trained_by_steps_on(paths.distance)),
    output:
        paths.model_files,
        directory(paths.events),
        manifest=paths.model_manifest,
    log:
        paths.log("train", "{run}"),
    benchmark:
        paths.benchmark("train", "{run}")
    priority: longest_first
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=240,  # one that takes longer goes on in the next try
        gpu=0,
        # No parameter, either: where heads are kept changes no result.
        cache_gb=str(PLAN.config.hardware.cache_gb),
    params:
        spec=lambda w: spec_param(PLAN.train(w.run)),
        code=lambda w: code_param("train", PLAN.training_modules(w.run)),
        folder=lambda w, output: os.path.dirname(output.manifest),
        heads=heads_option,
        # Inputs are compared as one set: this tells a head to train on from one to watch.
        names=lambda w: digest([PLAN.training_heads(w.run), PLAN.watched]),
        split=paths.split,
        hexplanes=paths.hexplanes,
        sdf=paths.distances,
        state=STATE,
    message:
        "Training {wildcards.run}"
    # Devices change no result: they are no parameter, and retrain nothing. The names of the heads
    # come from a file: a command line is too short for a hundred thousand.
    shell:
        "OMP_NUM_THREADS={threads} python -m hexplane train {params.folder:q} {params.split:q}"
        " {params.heads} --hexplanes {params.hexplanes:q} --sdf {params.sdf:q}"
        " --state {params.state:q} --devices {resources.gpu} --cache-gb {resources.cache_gb}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule diagnose:
    input:
        model=paths.model_manifest,
        hexplane_manifests=diagnosed(paths.hexplane_manifest, inputs=True),
        distance_manifests=diagnosed(paths.distance_manifest),
        hexplanes=ancient(diagnosed(paths.hexplane, inputs=True)),
        distances=ancient(diagnosed(paths.distance)),
        meshes=diagnosed(paths.mesh),
    output:
        paths.diagnostics,
    log:
        paths.log("diagnose", "{run}"),
    benchmark:
        paths.benchmark("diagnose", "{run}")
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        spec=lambda w: spec_param(PLAN.diagnose(w.run)),
        code=lambda w: code_param("diagnose", PLAN.modules(w.run)),
        folder=lambda w, input: os.path.dirname(input.model),
        hexplanes=paths.hexplanes,
        sdf=paths.distances,
        meshes=paths.meshes,
    message:
        "Diagnosing {wildcards.run}"
    shell:
        "OMP_NUM_THREADS={threads} python -m hexplane diagnose {params.folder:q} {output:q}"
        " --hexplanes {params.hexplanes:q} --sdf {params.sdf:q} --meshes {params.meshes:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule encode:
    input:
        model=paths.first_model_manifest,
        hexplane_manifest=paths.hexplane_manifest,
        hexplane=ancient(paths.hexplane),
    output:
        store=directory(paths.latent),
        manifest=paths.latent_manifest,
    log:
        paths.log("encode", "{arm}/{mesh}"),
    benchmark:
        paths.client_benchmark("encode", "{arm}/{mesh}")
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=2,
    params:
        code=lambda w: code_param("encode", PLAN.modules(w.arm)),
        folder=lambda w, input: os.path.dirname(input.model),
    message:
        "Encoding {wildcards.mesh} by {wildcards.arm}"
    shell:
        "python -m hexplane encode {input.hexplane:q} {output.store:q}"
        " --model {params.folder:q} --code {params.code:q} 2>&1 | tee {log:q}"
