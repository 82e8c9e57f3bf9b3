from django.db import migrations, models
from django.db.models import F


def move(apps, schema_editor):
    """What a source said of its app is the app's own from now on; of an app without one nobody had looked at an end."""
    App, Source = apps.get_model("releases", "App"), apps.get_model("releases", "Source")
    App.objects.update(judged=F("rollouts_made"))
    for source in Source.objects.only("app_id", "stopped_at", "stopped_by", "stopped_why", "judged").iterator():
        App.objects.filter(pk=source.app_id).update(
            stopped_at=source.stopped_at,
            stopped_by=source.stopped_by,
            stopped_why=source.stopped_why,
            judged=source.judged,
        )


def move_back(apps, schema_editor):
    App, Source = apps.get_model("releases", "App"), apps.get_model("releases", "Source")
    for app in App.objects.only("stopped_at", "stopped_by", "stopped_why", "judged").iterator():
        Source.objects.filter(app_id=app.pk).update(
            stopped_at=app.stopped_at, stopped_by=app.stopped_by, stopped_why=app.stopped_why, judged=app.judged
        )


class Migration(migrations.Migration):
    dependencies = [("releases", "0009_images")]

    operations = [
        migrations.AddField(
            "app",
            "stopped_at",
            models.DateTimeField(help_text="since when nothing is promoted by itself", null=True),
        ),
        migrations.AddField("app", "stopped_by", models.CharField(blank=True, max_length=200, default=""), False),
        migrations.AddField("app", "stopped_why", models.TextField(blank=True, default=""), False),
        migrations.AddField(
            "app",
            "judged",
            models.PositiveIntegerField(default=0, help_text="the newest rollout whose end has been looked at"),
        ),
        migrations.RunPython(move, move_back),
        migrations.RemoveField("source", "stopped_at"),
        migrations.RemoveField("source", "stopped_by"),
        migrations.RemoveField("source", "stopped_why"),
        migrations.RemoveField("source", "judged"),
    ]
