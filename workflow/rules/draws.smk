"""New heads of arms that have a prior, and how they compare with real ones: `draws.count`."""


rule draw:
    input:
        model=paths.first_model_manifest,
    output:
        [
            pattern.replace("{draw}", draw_name(number))
            for pattern in (paths.draw, paths.draw_latent)
            for number in range(PLAN.config.draws.count)
        ],
        manifest=paths.draw_manifest,
    log:
        paths.log("draw", "{arm}"),
    benchmark:
        paths.client_benchmark("draw", "{arm}")
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        spec=lambda w: spec_param(PLAN.draw(w.arm)),
        code=lambda w: code_param("draw", PLAN.modules(w.arm)),
        folder=lambda w, output: os.path.dirname(output.manifest),
        model=lambda w, input: os.path.dirname(input.model),
    message:
        "Drawing heads of {wildcards.arm}"
    shell:
        "python -m hexplane draw {params.folder:q} --model {params.model:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule novelty:
    input:
        model=paths.first_model_manifest,
        draws=paths.draw_manifest,
        hexplane_manifests=lambda w: of(paths.hexplane_manifest, PLAN.held_out),
        hexplanes=ancient(lambda w: of(paths.hexplane, PLAN.held_out)),
        meshes=lambda w: of(paths.mesh, sum(PLAN.compared(w.arm).values(), [])),
    output:
        paths.novelty,
    log:
        paths.log("novelty", "{arm}"),
    benchmark:
        paths.client_benchmark("novelty", "{arm}")
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        spec=lambda w: spec_param(PLAN.novelty(w.arm)),
        code=lambda w: code_param("novelty", PLAN.modules(w.arm)),
        draws=lambda w, input: os.path.dirname(input.draws),
        model=lambda w, input: os.path.dirname(input.model),
        hexplanes=paths.hexplanes,
        meshes=paths.meshes,
    message:
        "Comparing drawn heads of {wildcards.arm}"
    shell:
        "python -m hexplane novelty {params.draws:q} {params.model:q} {output:q}"
        " --hexplanes {params.hexplanes:q} --meshes {params.meshes:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
