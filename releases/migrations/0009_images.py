from django.db import migrations, models

BUILDS = 200  # in one statement


def write_down(apps, schema_editor):
    """What builds had made before that was written down: what is kept, and what retention has not removed yet."""
    Build, Image = apps.get_model("releases", "Build"), apps.get_model("releases", "Image")
    made = Build.objects.exclude(images={}).exclude(images_deleted_at__isnull=False, images_note="")
    made = made.select_related("app").only("app__name", "images", "images_removed_at", "images_note", "manifest")
    rows = (row for build in made.iterator(BUILDS) for row in rows_of(Image, build))
    Image.objects.bulk_create(rows, batch_size=BUILDS, ignore_conflicts=True)


def rows_of(Image, build):
    services = (build.manifest or {}).get("services", {})
    for service, image in build.images.items():
        repository, _, digest = image.partition("@")
        if services.get(service, {}).get("image") or len(digest) != 71:
            continue  # its manifest names it: it was made elsewhere
        yield Image(
            build=build.pk,
            app_name=build.app.name,
            repository=repository,
            tag="" if repository.startswith("local/") else f"{service}.{build.pk}",
            digest=digest,
            going_from=build.images_removed_at,
            note=build.images_note,
        )


class Migration(migrations.Migration):
    dependencies = [("releases", "0008_domains_and_locks")]

    operations = [
        migrations.CreateModel(
            name="Image",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("build", models.CharField(db_index=True, max_length=11)),
                ("app_name", models.CharField(max_length=40)),
                ("repository", models.CharField(max_length=400)),
                ("tag", models.CharField(blank=True, help_text="blank: a folder, which has none", max_length=140)),
                ("digest", models.CharField(blank=True, db_index=True, max_length=71)),
                (
                    "going_from",
                    models.DateTimeField(help_text="from when on it has to go; null: it is kept", null=True),
                ),
                ("tried_at", models.DateTimeField(null=True)),
                ("given_up_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, help_text="why it is still there", max_length=300)),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("going_from__isnull", False)), fields=["going_from"], name="images_that_go"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("build", "repository", "tag", "digest"), name="one_row_per_image")
                ],
            },
        ),
        migrations.RunPython(write_down, migrations.RunPython.noop),
        migrations.RemoveField(model_name="build", name="images_deleted_at"),
        migrations.RemoveField(model_name="build", name="images_note"),
        migrations.RemoveField(model_name="build", name="source_kept_until"),
        migrations.AddField(
            model_name="registry",
            name="deletion_refused",
            field=models.TextField(blank=True, help_text="why it lets us delete no images; blank: nothing known"),
        ),
        migrations.AddField(model_name="registry", name="deletion_refused_at", field=models.DateTimeField(null=True)),
    ]
