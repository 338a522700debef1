"""Arms and their rivals over file sizes, where `evaluation.rates` names some."""


rule rates:
    input:
        model=paths.first_model_manifest,
        hexplane_manifest=paths.hexplane_manifest,
        hexplane=ancient(paths.hexplane),
        mesh=paths.mesh,
    output:
        rate_meshes("{arm}"),
        points=paths.rate.replace("{method}", "{arm}"),
    log:
        paths.log("rates", "{arm}/{mesh}"),
    benchmark:
        paths.client_benchmark("rates", "{arm}/{mesh}")
    wildcard_constraints:
        arm=f"(?!(oracle-|({'|'.join(RIVALS)})/))[A-Za-z0-9][A-Za-z0-9._-]*",
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=10,
    params:
        spec=lambda w: spec_param(PLAN.rates(w.arm)),
        code=lambda w: code_param("rates", PLAN.modules(w.arm)),
        folder=lambda w, input: os.path.dirname(input.model),
    message:
        "Measuring rates of {wildcards.mesh} by {wildcards.arm}"
    shell:
        "python -m hexplane rates {input.hexplane:q} {input.mesh:q} {params.folder:q}"
        " {output.points:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule draco:
    input:
        mesh=paths.mesh,
    output:
        rate_meshes(DRACO),
        points=paths.rate.replace("{method}", DRACO),
    log:
        paths.log("draco", "{mesh}"),
    benchmark:
        paths.client_benchmark("draco", "{mesh}")
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=10,
    params:
        spec=spec_param(PLAN.measured()),
        code=code_param("draco"),
    message:
        "Measuring rates of {wildcards.mesh} in Draco's code"
    shell:
        "python -m hexplane draco {input.mesh:q} {output.points:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule parameters:
    input:
        mesh=paths.mesh,
    output:
        rate_meshes(PARAMETERS),
        points=paths.rate.replace("{method}", PARAMETERS),
    log:
        paths.log("parameters", "{mesh}"),
    benchmark:
        paths.client_benchmark("parameters", "{mesh}")
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        spec=lambda w: spec_param(PLAN.parameters(w.mesh)),
        code=code_param("parameters"),
    message:
        "Measuring rates of {wildcards.mesh} in its own parameters"
    shell:
        "python -m hexplane parameters {input.mesh:q} {output.points:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule mean:
    input:
        manifests=of(paths.hexplane_manifest, PLAN.averaged),
        hexplanes=ancient(of(paths.hexplane, PLAN.averaged)),
    output:
        mesh=paths.mean,
        manifest=paths.mean_manifest,
    log:
        paths.log("mean", "mean"),
    benchmark:
        paths.client_benchmark("mean", "mean")
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=60,
    params:
        code=code_param("mean"),
        split=paths.split,
        hexplanes=lambda w, input: os.path.dirname(input.hexplanes[0]),
    message:
        "Taking the mean head"
    shell:
        "python -m hexplane mean {output.mesh:q} {params.split:q}"
        " --hexplanes {params.hexplanes:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule measure_mean:
    input:
        mean=paths.mean,
        mesh=paths.mesh,
        facts=paths.mesh_manifest,
    output:
        paths.rate.replace("{method}", MEAN),
    log:
        paths.log("evaluate", f"{MEAN}/{{mesh}}"),
    benchmark:
        paths.client_benchmark("evaluate", f"{MEAN}/{{mesh}}")
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(1),
    params:
        spec=spec_param(PLAN.evaluate()),
        code=code_param("evaluate"),
    message:
        "Measuring the mean head as {wildcards.mesh}"
    shell:
        "python -m hexplane evaluate {input.mean:q} {input.mesh:q} {output:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
