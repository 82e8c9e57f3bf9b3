import django.db.models.deletion
from django.db import migrations, models


def tell_releases(apps, schema_editor):
    """What each release's last rollout came to, which from now on its rollouts keep there."""
    Release, Rollout = apps.get_model("releases", "Release"), apps.get_model("releases", "Rollout")
    last = Rollout.objects.filter(release=models.OuterRef("pk")).order_by("-number").values("status")[:1]
    with_rollouts = Release.objects.filter(models.Exists(Rollout.objects.filter(release=models.OuterRef("pk"))))
    with_rollouts.update(outcome=models.Subquery(last))


class Migration(migrations.Migration):

    dependencies = [
        ("releases", "0007_access"),
    ]

    operations = [
        migrations.AddField(
            model_name="app",
            name="locked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="app",
            name="locked_until",
            field=models.DateTimeField(help_text="when the lock ends by itself", null=True),
        ),
        migrations.AddField(
            model_name="app",
            name="locked_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="releases.person"
            ),
        ),
        migrations.AddField(
            model_name="app",
            name="locked_by_label",
            field=models.CharField(blank=True, default="", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="app",
            name="lock_reason",
            field=models.CharField(blank=True, default="", max_length=500),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="app",
            name="domains_changed",
            field=models.PositiveIntegerField(default=0, help_text="how often its own domains were changed"),
        ),
        migrations.AddField(
            model_name="app",
            name="domains_applied",
            field=models.PositiveIntegerField(default=0, help_text="the change that the cluster knows of"),
        ),
        migrations.CreateModel(
            name="Domain",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("by_label", models.CharField(max_length=200)),
                ("host", models.CharField(max_length=253)),
                ("service", models.CharField(help_text="where its requests go", max_length=40)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="domains", to="releases.app"
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="releases.person"
                    ),
                ),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="releases.cluster"
                    ),
                ),
            ],
            options={
                "ordering": ["host"],
                "constraints": [models.UniqueConstraint(fields=("cluster", "host"), name="one_app_per_host")],
            },
        ),
        migrations.AddField(
            model_name="release",
            name="outcome",
            field=models.CharField(
                blank=True,
                default="",
                help_text="the status of its last rollout; blank: no rollout",
                max_length=20,
            ),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["app", "outcome", "-created_at", "-id"], name="releases_re_app_id_97ff04_idx"),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["app", "by", "-created_at", "-id"], name="releases_re_app_id_e73345_idx"),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["app", "by_label", "-created_at", "-id"], name="releases_re_app_id_ee40c1_idx"),
        ),
        migrations.RunPython(tell_releases, migrations.RunPython.noop),
    ]
